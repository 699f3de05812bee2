import { type AdapterPayload, type AllClientMetadata, errors, Provider } from 'oidc-provider'
import { Fault } from '../../base/fault.ts'
import { makeSecret } from '../../base/ids.ts'
import type { StoredClient } from '../../store/clients.ts'
import type { ClientMetadata } from '../client/metadata.ts'
import type { Clients } from '../clients.ts'
import { detailsType } from '../metadata.ts'

// The engine asks for the client several times in one request, and again when it failed: one answer a request.
const asked = new WeakMap<object, Map<string, Promise<StoredClient | undefined>>>()

/** The client of a request as the engine knows it; `undefined` for one that is unknown or revoked. */
export async function findEngineClient(clients: Clients, id: string): Promise<AdapterPayload | undefined> {
  const client = await resolveOnce(clients, id).catch((error: unknown) => {
    if (!(error instanceof Fault)) throw error
    if (error.code === 'oauth.document_unreachable' || error.code === 'base.busy') {
      throw new errors.TemporarilyUnavailable(error.message, { cause: error })
    }
    if (error.code.startsWith('oauth.')) throw new errors.InvalidClient(error.message, { cause: error })
    throw error
  })
  if (client === undefined) return undefined
  const { client_name: name, ...metadata } = client.metadata as unknown as ClientMetadata
  const confidential = metadata.token_endpoint_auth_method.startsWith('client_secret_')
  return {
    ...withoutUndefined({ ...metadata, client_name: name }),
    grant_types: [...metadata.grant_types, ...clients.grantTypesOf(client)],
    client_id: client.id,
    response_types: metadata.redirect_uris.length > 0 ? ['code'] : [],
    response_modes: ['query'],
    authorization_details_types: [detailsType],
    // The engine wants to hold one; nothing is compared with it.
    ...(confidential ? { client_secret: makeSecret(), client_secret_expires_at: 0 } : {}),
  } as AdapterPayload
}

/** Puts on record what the engine's registration endpoint accepted. */
export async function registerEngineClient(clients: Clients, id: string, accepted: AllClientMetadata): Promise<void> {
  const metadata: ClientMetadata = {
    client_name: accepted.client_name,
    client_uri: accepted.client_uri,
    redirect_uris: [...(accepted.redirect_uris ?? [])],
    application_type: accepted.application_type === 'native' ? 'native' : 'web',
    grant_types: accepted.grant_types?.includes('refresh_token')
      ? ['authorization_code', 'refresh_token']
      : ['authorization_code'],
    token_endpoint_auth_method: accepted.token_endpoint_auth_method as ClientMetadata['token_endpoint_auth_method'],
    jwks: accepted.jwks as ClientMetadata['jwks'],
    jwks_uri: accepted.jwks_uri,
    ...(accepted.dpop_bound_access_tokens === true && { dpop_bound_access_tokens: true }),
  }
  await clients.register(id, metadata, accepted.client_secret)
}

function resolveOnce(clients: Clients, id: string): Promise<StoredClient | undefined> {
  const request = Provider.ctx
  if (request === undefined) return clients.present(id)
  const answers = asked.get(request) ?? new Map<string, Promise<StoredClient | undefined>>()
  asked.set(request, answers)
  const answer = answers.get(id) ?? clients.present(id)
  answers.set(id, answer)
  return answer
}

function withoutUndefined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}
