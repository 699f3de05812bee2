import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'
import type { Door } from '../base/listen.ts'
import type { Store } from '../store/store.ts'
import type { AccessTokens } from './access-token.ts'
import { admitMethod, sendJson } from './endpoint/answers.ts'
import { introspectionEndpoint, type IntrospectionParts } from './endpoint/introspection.ts'
import { registrationEndpoint } from './endpoint/registration.ts'
import { revocationEndpoint } from './endpoint/revocation.ts'
import { onOurTerms } from './endpoint/terms.ts'
import { tokenEndpoint } from './endpoint/token.ts'
import { limited, limitedFailures, openThrottle } from './endpoint/throttle.ts'
import type { Grants } from './grants.ts'
import { endpoints, type Offers, resourceMetadata, serverMetadata } from './metadata.ts'
import type { Catalogue } from './ports.ts'
import type { Engine } from './provider.ts'
import type { TokenKeys } from './token-keys.ts'

type Endpoint = (request: IncomingMessage, response: ServerResponse) => Promise<void>

const serverDocument = /^\/\.well-known\/(?:oauth-authorization-server|openid-configuration)(?:\/mcp\/[a-z0-9-]+)?$/
const resourceDocument = /^\/\.well-known\/oauth-protected-resource\/mcp\/([a-z][a-z0-9-]{0,38}[a-z0-9])$/
// Each leaves a record for half an hour. People need one; an office behind one address needs some.
const authorizations = { name: 'authorizations', points: 120, seconds: 60 }
// A client renews every five minutes; a whole company may be behind one address, and guesses at secrets are not as many.
const tokenRequests = { name: 'token requests', points: 1_200, seconds: 60 }
const revocations = { name: 'revocations', points: 1_200, seconds: 60 }
// Upstreams ask about every call; only who cannot say who it is is counted.
const failures = { name: 'failed authentications', points: 300, seconds: 60 }
const continuation = /^\/oauth\/authorize\/[\w-]{10,64}$/

/**
 * The metadata documents. Clients look for the server's at several addresses, with the path of the resource inserted too;
 * a resource has one only while its upstream is approved.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8414#section-3
 * @see https://www.rfc-editor.org/rfc/rfc9728#section-3
 */
export function metadataDoor(parts: { origin: string; catalogue: Catalogue; offers: Offers }): Door {
  const server = serverMetadata(parts.origin, parts.offers)
  return {
    name: 'metadata',
    match: (path) => path.startsWith('/.well-known/o'),
    async handle(request, response) {
      if (!admitMethod(request, response, ['GET'])) return
      const path = pathOf(request)
      if (serverDocument.test(path)) return sendJson(response, { body: server, cache: 'public, max-age=300' })
      const name = resourceDocument.exec(path)?.[1]
      const place = name === undefined ? undefined : await parts.catalogue.findPlace(name)
      if (place?.open !== true) return sendJson(response, { status: 404, body: { error: 'not_found' } })
      sendJson(response, { body: resourceMetadata(parts.origin, place), cache: 'no-cache' })
    },
  }
}

/**
 * The endpoints of the protocol. Only what is listed here reaches the engine.
 *
 * @param parts `registrationsPerHour`: absent when registration is switched off.
 */
export function protocolDoor(parts: {
  engine: Engine
  accessTokens: AccessTokens
  grants: Grants
  registrationsPerHour: number | undefined
  store: Store
  clock: Clock
  tokenKeys: Pick<TokenKeys, 'settle'>
  catalogue: Catalogue
  introspects: IntrospectionParts['introspects']
  isMachine(clientId: string): boolean
  stands: IntrospectionParts['stands']
}): Door {
  const { engine, registrationsPerHour } = parts
  const engineServes: Endpoint = (request, response) => engine.serve(request, response)
  const shared = (methods: string[], endpoint: Endpoint): Endpoint => {
    return async (request, response) => {
      if (admitMethod(request, response, methods)) await endpoint(request, response)
    }
  }
  const throttle = openThrottle(parts, authorizations)
  const admitToken = openThrottle(parts, tokenRequests)
  const table = new Map<string, Endpoint>([
    [endpoints.token, shared(['POST'], limited(admitToken, tokenEndpoint(parts)))],
    [endpoints.jwks, shared(['GET'], engineServes)],
    [endpoints.revocation, shared(['POST'], limited(openThrottle(parts, revocations), revocationEndpoint(parts)))],
    [endpoints.introspection, shared(['POST'], limitedFailures(parts, failures, introspectionEndpoint(parts)))],
    ...(registrationsPerHour === undefined
      ? []
      : [[endpoints.registration, shared(['POST'], registrationEndpoint(parts, registrationsPerHour))] as const]),
  ])
  return {
    name: 'oauth',
    match: (path) => path.startsWith('/oauth/'),
    async handle(request, response) {
      await parts.tokenKeys.settle()
      const path = pathOf(request)
      const endpoint = table.get(path)
      if (endpoint !== undefined) return endpoint(request, response)
      const authorizes = path === endpoints.authorization
      if (!authorizes && !continuation.test(path))
        return sendJson(response, { status: 404, body: { error: 'not_found' } })
      if (request.method !== 'GET') {
        response.writeHead(405, { allow: 'GET' }).end()
        return
      }
      if (authorizes) {
        await throttle(request)
        request.url = onOurTerms(request.url ?? '')
      }
      await engine.serve(request, response)
    },
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0]!
}
