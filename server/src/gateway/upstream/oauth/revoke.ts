import { selectClientAuthMethod } from '@modelcontextprotocol/client'
import {
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretPost,
  Configuration,
  customFetch,
  None,
  type ServerMetadata,
  tokenRevocation,
} from 'openid-client'
import { authenticationOf, type Fetch, type Held } from './client.ts'

const timeoutSeconds = 10

/**
 * Ends the tokens of a connection at the authorization server that gave them: first the one that renews, which at most
 * servers ends the other one too.
 *
 * @returns false where the server takes none back. Nothing was sent then.
 * @see https://www.rfc-editor.org/rfc/rfc7009#section-2.1
 */
export async function revokeTokens(held: Held, { fetch, now }: { fetch: Fetch; now: number }): Promise<boolean> {
  const { discovery, client, tokens } = held
  const metadata = discovery.authorizationServerMetadata as ServerMetadata | undefined
  if (metadata?.revocation_endpoint === undefined) return false
  const config = new Configuration(metadata, client.client_id, undefined, proofOf(held, metadata, now))
  config[customFetch] = (url, options) => fetch(url, options as RequestInit)
  config.timeout = timeoutSeconds
  // The way out reaches such a place only where the configuration names it.
  if (metadata.revocation_endpoint.startsWith('http:')) allowInsecureRequests(config)
  const all = [
    { token: tokens.refresh_token, hint: 'refresh_token' },
    { token: tokens.access_token, hint: 'access_token' },
  ]
  const failures: unknown[] = []
  for (const { token, hint } of all) {
    if (token === undefined) continue
    await tokenRevocation(config, token, { token_type_hint: hint }).catch((error: unknown) => failures.push(error))
  }
  if (failures.length > 0) throw failures[0]
  return true
}

/** As whom the tokens were got: nobody else may give them back. */
function proofOf({ client, key }: Held, metadata: ServerMetadata, now: number): ClientAuth {
  if (key !== undefined) {
    const prove = authenticationOf(client.client_id, key, now)
    const sign = async (...[server, _client, body, headers]: Parameters<ClientAuth>): Promise<void> => {
      body.set('client_id', client.client_id)
      await prove(headers, body, metadata.revocation_endpoint!, server as Parameters<typeof prove>[3])
    }
    // It waits for what comes back, as for the library's own that sign.
    return sign as ClientAuth
  }
  const { revocation_endpoint_auth_methods_supported: own, token_endpoint_auth_methods_supported: usual } = metadata
  const method = selectClientAuthMethod(client, own ?? usual ?? [])
  const { client_id: id, client_secret: secret } = client
  if (secret === undefined || method === 'none') return None()
  if (method === 'client_secret_post') return ClientSecretPost(secret)
  // As the tokens were got: the library's own writes `-` as `%2D`, as the specification has it and few servers read it.
  const credentials = Buffer.from(`${id}:${secret}`).toString('base64')
  return (...[, , , headers]) => headers.set('authorization', `Basic ${credentials}`)
}
