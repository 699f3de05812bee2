import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  type JSONWebKeySet,
  jwtVerify,
  SignJWT,
} from 'jose'
import { type Clock, systemClock } from '../../src/base/clock.ts'

/** Somebody whom the provider knows. */
export interface FakePerson {
  sub: string
  name?: string
  email?: string
  /** What else is said of him. */
  [claim: string]: unknown
}

/** How the provider misbehaves. Everything that is absent is done right. */
export interface IdpKnobs {
  /** Answers the authorization request with `access_denied`. */
  deny?: boolean
  /** `iss` of the authorization response (RFC 9207), or none at all. */
  responseIss?: string | 'absent'
  /** Claims of the ID token that are written over. */
  claims?: Record<string, unknown>
  /** Writes the ID token from its claims. */
  raw?: (claims: Record<string, unknown>) => string
  /** Signs with a key that is not in the JWK set. */
  foreignKey?: boolean
  /** Writes an ID token that nobody signed. */
  unsigned?: boolean
  /** Issuer in the discovery document. */
  discoveredIssuer?: string
  /** Subject in userinfo. */
  userinfoSub?: string
  /** Keeps name and e-mail out of the ID token: only userinfo tells. */
  thin?: boolean
  /** Answers the token request with this status. */
  tokenStatus?: number
  /** How long ID tokens are good; a minute when absent. */
  lifeSeconds?: number
  /** Refuses to exchange tokens with this error. */
  refusesExchange?: string
  /** Claims of an identity assertion (ID-JAG) that are written over. */
  assertion?: Record<string, unknown>
  /** Answers at userinfo with this status. */
  userinfoStatus?: number
  /** Wants a client that signs, by the keys at this address, for this audience; a secret is refused then. */
  signed?: { keys: string; audience: string }
  /** The groups that are told to who asks for them at `/groups` with the access token; or the status of the refusal. */
  groups?: string[] | number
}

/** One request as the provider saw it. */
export interface IdpVisit {
  method: string
  path: string
  query: Record<string, string>
  body: Record<string, string>
  authorization: string | undefined
}

type Key = Awaited<ReturnType<typeof makeKey>>['privateKey']

/** A scripted OpenID provider with a journal of its own. */
export interface FakeIdp {
  issuer: string
  /** `host:port`, for the dialler. */
  authority: string
  journal: IdpVisit[]
  /** Who sits before the browser from now on. */
  person: FakePerson
  knobs: IdpKnobs
  /** What time it takes it to be; the machine's at first. */
  clock: Pick<Clock, 'now'>
  /** Its key, and the name of that. */
  key: Key
  kid: string
  /** What a logout token says, with a new id. */
  logoutClaims(claims: Record<string, unknown>): Record<string, unknown>
  /** Writes a logout token; `claims` and `header` write over what is right. */
  writeLogout(claims: Record<string, unknown>, header?: Record<string, unknown>, foreign?: true): Promise<string>
  close(): Promise<void>
}

export interface FakeClient {
  id: string
  secret: string
}

/** Starts a provider on a free port of 127.0.0.1; it approves every authorization request as `person` without asking. */
export async function openFakeIdp(client: FakeClient, person: FakePerson): Promise<FakeIdp> {
  const [key, foreign] = [await makeKey(), await makeKey()]
  const signing = { key: key.privateKey, kid: key.publicJwk.kid! }
  const codes = new Map<string, { person: FakePerson; query: Record<string, string> }>()
  const refreshTokens = new Map<string, FakePerson>()
  const server = createServer((req, res) => {
    handle(req, res).catch((error: unknown) => res.writeHead(500).end(String(error)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const authority = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const issuer = `http://${authority}`
  const idp: FakeIdp = {
    issuer,
    authority,
    journal: [],
    person,
    knobs: {},
    clock: systemClock,
    ...signing,
    logoutClaims,
    writeLogout,
    close,
  }

  const now = () => new Date(idp.clock.now())

  async function close(): Promise<void> {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }

  function logoutClaims(claims: Record<string, unknown>): Record<string, unknown> {
    const iat = Math.floor(idp.clock.now() / 1_000)
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
    const usual = { iss: issuer, aud: client.id, iat, exp: iat + 120, jti: randomBytes(8).toString('hex'), events }
    return { ...usual, ...claims }
  }

  function writeLogout(claims: Record<string, unknown>, header = {}, byForeign?: true): Promise<string> {
    return new SignJWT(logoutClaims(claims))
      .setProtectedHeader({ alg: 'ES256', kid: key.publicJwk.kid!, typ: 'logout+jwt', ...header })
      .sign(byForeign ? foreign.privateKey : key.privateKey)
  }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', issuer)
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const visit: IdpVisit = {
      method: req.method ?? '',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      body: Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString())),
      authorization: req.headers.authorization,
    }
    idp.journal.push(visit)
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return json(res, 200, metadata())
      case '/jwks':
        return json(res, 200, { keys: [key.publicJwk] })
      case '/authorize':
        return authorize(res, visit)
      case '/token':
        return token(res, visit)
      case '/groups':
        return groups(res, visit)
      case '/userinfo':
        if (idp.knobs.userinfoStatus) return json(res, idp.knobs.userinfoStatus, {})
        return json(res, 200, { ...idp.person, sub: idp.knobs.userinfoSub ?? idp.person.sub })
      default:
        return json(res, 404, {})
    }
  }

  function metadata(): Record<string, unknown> {
    return {
      issuer: idp.knobs.discoveredIssuer ?? issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/userinfo`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
      authorization_response_iss_parameter_supported: true,
    }
  }

  function authorize(res: ServerResponse, { query }: IdpVisit): void {
    const back = new URL(query['redirect_uri']!)
    if (query['state']) back.searchParams.set('state', query['state'])
    const iss = idp.knobs.responseIss ?? issuer
    if (iss !== 'absent') back.searchParams.set('iss', iss)
    if (idp.knobs.deny) {
      back.searchParams.set('error', 'access_denied')
    } else {
      const code = randomBytes(16).toString('hex')
      codes.set(code, { person: idp.person, query })
      back.searchParams.set('code', code)
    }
    res.writeHead(302, { location: back.href }).end()
  }

  async function token(res: ServerResponse, { body, authorization }: IdpVisit): Promise<void> {
    if (idp.knobs.tokenStatus) return json(res, idp.knobs.tokenStatus, { error: 'server_error' })
    const { signed } = idp.knobs
    const known = signed === undefined ? isClient(authorization) : await hasSigned(signed, body)
    if (!known) return json(res, 401, { error: 'invalid_client' })
    if (body['grant_type']?.endsWith(':token-exchange')) return exchange(res, body)
    const issued = codes.get(body['code'] ?? '')
    codes.delete(body['code'] ?? '')
    const challenge = createHash('sha256')
      .update(body['code_verifier'] ?? '')
      .digest('base64url')
    const right = issued?.query['code_challenge'] === challenge && issued.query['redirect_uri'] === body['redirect_uri']
    if (!issued || !right) return json(res, 400, { error: 'invalid_grant' })
    const idToken = await mint(issued.person, issued.query['nonce'])
    const tokens = { access_token: 'opaque', token_type: 'Bearer', expires_in: 60, id_token: idToken }
    if (!issued.query['scope']?.includes('offline_access')) return json(res, 200, tokens)
    const refreshToken = randomBytes(16).toString('hex')
    refreshTokens.set(refreshToken, issued.person)
    return json(res, 200, { ...tokens, refresh_token: refreshToken })
  }

  /** RFC 8693: an ID token of ours for this client, or a refresh token, for an assertion or an access token. */
  async function exchange(res: ServerResponse, body: Record<string, string>): Promise<void> {
    const { subject_token: subject = '', subject_token_type: kind = '', requested_token_type: wanted = '' } = body
    if (idp.knobs.refusesExchange) return json(res, 400, { error: idp.knobs.refusesExchange })
    const sub = kind.endsWith(':refresh_token')
      ? refreshTokens.get(subject)?.sub
      : await jwtVerify(subject, key.publicKey, { issuer, audience: client.id, currentDate: now() }).then(
          ({ payload }) => payload.sub,
          () => undefined,
        )
    if (sub === undefined) return json(res, 400, { error: 'invalid_grant' })
    const answer = { issued_token_type: wanted, expires_in: 300 }
    if (!wanted.endsWith(':id-jag'))
      return json(res, 200, { ...answer, access_token: `of-${sub}`, token_type: 'Bearer' })
    const iat = Math.floor(idp.clock.now() / 1_000)
    const { audience: aud, resource, scope } = body
    const claims = { iss: issuer, sub, aud, resource, scope, client_id: 'at the upstream', iat, exp: iat + 300 }
    const assertion = await new SignJWT({ ...claims, jti: randomBytes(8).toString('hex'), ...idp.knobs.assertion })
      .setProtectedHeader({ alg: 'ES256', kid: key.publicJwk.kid!, typ: 'oauth-id-jag+jwt' })
      .sign(key.privateKey)
    return json(res, 200, { ...answer, access_token: assertion, token_type: 'N_A' })
  }

  function groups(res: ServerResponse, { method, authorization }: IdpVisit): void {
    const told = idp.knobs.groups ?? []
    if (method !== 'POST' || authorization !== 'Bearer opaque') return json(res, 401, {})
    return typeof told === 'number' ? json(res, told, {}) : json(res, 200, { value: told })
  }

  /** RFC 7523, 2.2. */
  async function hasSigned(wanted: { keys: string; audience: string }, body: Record<string, string>): Promise<boolean> {
    if (body['client_assertion_type'] !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') return false
    const keys = (await (await fetch(wanted.keys)).json()) as JSONWebKeySet
    const rules = { issuer: client.id, subject: client.id, audience: wanted.audience, requiredClaims: ['jti', 'exp'] }
    return jwtVerify(body['client_assertion'] ?? '', createLocalJWKSet(keys), { ...rules, currentDate: now() }).then(
      () => true,
      () => false,
    )
  }

  /** RFC 6749, 2.3.1: both halves are form-encoded before they are joined. */
  function isClient(authorization: string | undefined): boolean {
    const [, encoded] = /^Basic (.+)$/.exec(authorization ?? '') ?? []
    const [id, secret] = Buffer.from(encoded ?? '', 'base64')
      .toString()
      .split(':')
    const given = new URLSearchParams(`id=${id}&secret=${secret}`)
    return given.get('id') === client.id && given.get('secret') === client.secret
  }

  async function mint(who: FakePerson, nonce: string | undefined): Promise<string> {
    const iat = Math.floor(idp.clock.now() / 1_000)
    const told = idp.knobs.thin ? { sub: who.sub } : { ...who }
    const claims = {
      ...told,
      iss: issuer,
      aud: client.id,
      iat,
      exp: iat + (idp.knobs.lifeSeconds ?? 60),
      nonce,
      ...idp.knobs.claims,
    }
    if (idp.knobs.raw) return idp.knobs.raw(claims)
    if (idp.knobs.unsigned) {
      const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
      return `${part({ alg: 'none' })}.${part(claims)}.`
    }
    const signing = idp.knobs.foreignKey ? foreign : key
    const header = { alg: 'ES256', kid: key.publicJwk.kid! }
    return new SignJWT(claims).setProtectedHeader(header).sign(signing.privateKey)
  }

  return idp
}

async function makeKey() {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(publicKey)
  return {
    privateKey,
    publicKey,
    publicJwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' },
  }
}

function json(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
