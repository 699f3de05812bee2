import type { IncomingMessage, ServerResponse } from 'node:http'
import { decodeJwt, type JWK } from 'jose'
import Provider, { type errors, type KoaContextWithOIDC } from 'oidc-provider'
import { type Clock, machineAheadSeconds } from '../base/clock.ts'
import type { FetchDocument } from '../base/document.ts'
import { Fault } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import { pageHeaders } from '../base/page.ts'
import type { LoginDemand } from '../model/login.ts'
import { consumeProtocolRecord } from '../store/protocol-records.ts'
import type { Handle, Store } from '../store/store.ts'
import { accessTokenSeconds } from './access-token.ts'
import type { Clients } from './clients.ts'
import { demandOf } from './endpoint/login-demand.ts'
import { askedScope } from './endpoint/terms.ts'
import type { Grants } from './grants.ts'
import type { GrantType, Terms } from './grant-type.ts'
import { endpoints } from './metadata.ts'
import type { Catalogue, People, Secrets } from './ports.ts'
import type { Proofs } from './proof.ts'
import { engineAdapter, recordKey } from './provider/adapter.ts'
import { type BrowserBinding, browserBinding } from './provider/browser-binding.ts'
import { errorPage } from './provider/error-page.ts'
import { registerGrantTypes } from './provider/grant-types.ts'
import { engineSettings } from './provider/settings.ts'

/** An authorization request that waits for a person. */
export interface WaitingRequest {
  uid: string
  clientId: string
  redirectUri: string
  /** The resource indicator, one that exists. */
  resource: string
  /** The scopes that the client asked for, as far as they mean anything here. */
  scope: string
  /** What the client asks of the login (`acr_values`, `max_age`), and when it began to ask, in epoch milliseconds. */
  demand: LoginDemand
  begunAt: number
  /** The `authorization_details` that it asked for, valid as the engine has found. */
  details: string | undefined
  /** Whether it was answered already. */
  answered: boolean
  /** Where the browser goes on after the answer. */
  returnTo: string
}

/** What a person answers to an authorization request. */
export type Answer = { principalId: string; grantId: string } | { refused: true } | { unmet: true }

/** What is done for the client that the engine has authenticated. What it returns becomes the body of the answer. */
export type ForClient = (clientId: string) => Promise<object | undefined>

/** Endpoints at which the engine authenticates the client and we do the rest: it does not know signed access tokens. */
const answeredByUs: ReadonlySet<string> = new Set([endpoints.revocation, endpoints.introspection])

/** The protocol engine: the certified library behind our doors. */
export interface Engine {
  /**
   * Serves a request to one of the `endpoints`, the continuation of an authorization included.
   *
   * @param forClient Of the endpoints in `answeredByUs`: what is done for the authenticated client, before the answer is
   *   sent.
   */
  serve(request: IncomingMessage, response: ServerResponse, forClient?: ForClient): Promise<void>
  /**
   * The authorization request that this browser waits with.
   *
   * @throws {Fault} `oauth.consent_ended` if it ended, or belongs to another browser.
   */
  findWaiting(request: IncomingMessage, response: ServerResponse, uid: string): Promise<WaitingRequest>
  /**
   * Takes the right to answer a request: at most one taker succeeds, and only if the transaction commits.
   *
   * @throws {Fault} `oauth.consent_ended` if it was answered already.
   */
  takeAnswer(tx: Handle, uid: string): Promise<void>
  /** Gives the answer to the engine; the browser then goes to `returnTo` of the request. */
  answer(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void>
  /** Signs by other keys from now on, the first of them. What waits or is under way is not touched. */
  useKeys(keys: readonly JWK[]): Promise<void>
}

interface EngineParts {
  origin: string
  store: Store
  clock: Clock
  log: Log
  secrets: Secrets
  people: People
  catalogue: Catalogue
  clients: Clients
  grants: Grants
  fetch: FetchDocument
  registration: boolean
  /** Private keys of access tokens: the first signs. */
  keys: readonly JWK[]
  nonceKey: Uint8Array
  proofs: Proofs
  /** The ways to a token without a consent page. */
  grantTypes: readonly GrantType[]
}

/**
 * Opens the protocol engine.
 *
 * The browser of an authorization request is bound to it twice: by the engine's own cookies, which live below the paths
 * where they are needed, and by one with the `__Host-` prefix, which no neighbouring subdomain can plant.
 *
 * @see docs/decisions/0003-oidc-provider.md
 */
export async function openEngine(parts: EngineParts): Promise<Engine> {
  const { origin, clock } = parts
  const binding = browserBinding(origin)
  const afterwards = new WeakMap<IncomingMessage, ForClient>()
  let provider = await makeProvider(parts, { binding, afterwards })

  return {
    async serve(request, response, forClient) {
      if (forClient !== undefined) afterwards.set(request, forClient)
      await provider.callback()(behindOrigin(request, origin), response)
    },
    async useKeys(keys) {
      // The engine's keys are fixed when it is made: other keys are another engine, on the same records.
      provider = await makeProvider({ ...parts, keys }, { binding, afterwards })
    },
    async findWaiting(request, response, uid) {
      const ctx = provider.createContext(behindOrigin(request, origin), response)
      const waiting = await provider.interactionDetails(request, response).catch(() => undefined)
      if (waiting?.uid !== uid || !binding.holds(ctx, uid)) throw ended()
      const params = waiting.params as Record<string, string | undefined>
      const { client_id: clientId, redirect_uri: redirectUri, resource } = params
      if (!clientId || !redirectUri || !resource) throw ended()
      return {
        uid,
        clientId,
        redirectUri,
        resource,
        scope: params[askedScope] ?? '',
        demand: demandOf(waiting.params),
        begunAt: (waiting.iat - machineAheadSeconds(clock)) * 1_000,
        details: params['authorization_details'],
        answered: waiting.result !== undefined,
        returnTo: waiting.returnTo,
      }
    },
    async takeAnswer(tx, uid) {
      if (!(await consumeProtocolRecord(tx, recordKey('Interaction', uid), clock.now()))) throw ended()
    },
    async answer(request, response, answer) {
      const result =
        'refused' in answer
          ? { error: 'access_denied', error_description: 'the person refused' }
          : 'unmet' in answer
            ? { error: 'unmet_authentication_requirements', error_description: 'the login is not what was asked for' }
            : {
                login: { accountId: answer.principalId, remember: false, ts: Math.floor(clock.now() / 1_000) },
                consent: { grantId: answer.grantId },
              }
      await provider.interactionFinished(behindOrigin(request, origin), response, result, {
        mergeWithLastSubmission: false,
      })
    },
  }

  function ended(): Fault {
    return new Fault(
      'oauth.consent_ended',
      'cannot go on with this request: it ended, was answered already, or was begun in another browser; start again from your program',
    )
  }
}

interface Around {
  binding: BrowserBinding
  afterwards: WeakMap<IncomingMessage, ForClient>
}

async function makeProvider(parts: EngineParts, { binding, afterwards }: Around): Promise<Provider> {
  const { origin, log, secrets } = parts
  const ends = new WeakMap<object, number>()
  const judged = new WeakSet<object>()
  const terms: Terms = new WeakMap()
  const keys = [...parts.keys]
  const cookieKeys = await secrets.cookieKeys()
  const adapter = engineAdapter({ ...parts, ends, judged })
  const provider = new Provider(
    origin,
    engineSettings({
      ...parts,
      ends,
      judged,
      terms,
      keys,
      cookieKeys,
      adapter,
      bind: (ctx, uid) => binding.bind(ctx, uid),
    }),
  )
  Object.assign(provider.Client.prototype, {
    compareClientSecret(this: { clientId: string }, presented: string) {
      return parts.clients.provesSecret(this.clientId, presented)
    },
  })
  writeIdTokensOfOurTime(provider, parts.clock)
  registerGrantTypes(provider, parts.grantTypes, { ...parts, terms })
  provider.proxy = true
  provider.silent = true
  const failed = (error: unknown): void => log.error({ error }, 'the protocol engine failed')
  provider.on('server_error', (_ctx, error) => failed(error))
  const refused = (ctx: KoaContextWithOIDC, error: errors.OIDCProviderError): void => {
    const { error: refusal, error_description: description, error_detail: detail } = error
    log.info({ client: ctx.oidc?.client?.clientId, refusal, description, detail }, 'a client was refused')
  }
  provider.on('authorization.error', refused)
  provider.on('grant.error', refused)
  provider.on('registration_create.error', refused)
  ;(provider as NodeJS.EventEmitter).on('error', failed)
  provider.use(async (ctx, next) => {
    const uid = resumed(ctx.path)
    if (uid !== undefined && !binding.holds(ctx, uid)) {
      ctx.status = 400
      ctx.set(pageHeaders())
      ctx.body = errorPage({ error: 'invalid_request', description: 'this answer was given in another browser' })
      return
    }
    if (uid !== undefined) binding.release(ctx, uid)
    await next()
    if (ctx.path === endpoints.token && ctx.status === 200) tellScope(ctx.body)
    dropEngineSession(ctx, provider.cookieName('session'))
    const client = (ctx as Partial<KoaContextWithOIDC>).oidc?.client
    if (answeredByUs.has(ctx.path) && ctx.status === 200 && client) {
      const body = await afterwards.get(ctx.req)?.(client.clientId)
      if (body !== undefined) ctx.body = body
    }
  })
  return provider
}

// The engine counts the life of an ID token from what its machine takes the time to be.
function writeIdTokensOfOurTime({ IdToken }: Provider, clock: Clock): void {
  const { payload } = IdToken.prototype
  Object.assign(IdToken, { expiresIn: () => accessTokenSeconds - machineAheadSeconds(clock) })
  Object.assign(IdToken.prototype, {
    async payload(this: InstanceType<typeof IdToken>) {
      return { ...(await payload.call(this)), iat: Math.floor(clock.now() / 1_000) }
    },
  })
}

// The answer says what the token says: the engine knows one scope.
function tellScope(body: unknown): void {
  if (typeof body !== 'object' || body === null || !('access_token' in body)) return
  Object.assign(body, { scope: decodeJwt(String(body.access_token))['scope'] })
}

function resumed(path: string): string | undefined {
  return path.startsWith(`${endpoints.authorization}/`) ? path.slice(endpoints.authorization.length + 1) : undefined
}

// What the wire says of scheme and host is not believed: links and cookies follow the configured origin.
function behindOrigin(request: IncomingMessage, origin: string): IncomingMessage {
  const { protocol, host } = new URL(origin)
  request.headers['x-forwarded-proto'] = protocol.slice(0, -1)
  request.headers['x-forwarded-host'] = host
  delete request.headers['x-forwarded-for']
  Object.assign(request, { originalUrl: request.url })
  return request
}

// The engine would remember who signed in; here only `identity` does, and the next authorization asks it again.
function dropEngineSession(ctx: { response: KoaContextWithOIDC['response'] }, name: string): void {
  const cookies = ctx.response.get('set-cookie') as unknown as string[] | string | undefined
  const kept = [cookies ?? []]
    .flat()
    .filter((cookie) => !cookie.startsWith(`${name}=`) && !cookie.startsWith(`${name}.sig=`))
  ctx.response.remove('set-cookie')
  if (kept.length > 0) ctx.response.set('set-cookie', kept)
}
