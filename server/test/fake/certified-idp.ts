import { createServer } from 'node:http'
import type { TestContext } from 'node:test'
import Provider from 'oidc-provider'

/**
 * Starts a provider that somebody else wrote and had certified, on a port of 127.0.0.1: whoever types a login in is that
 * person. It has one client, which it tells of logouts.
 */
export async function openCertifiedIdp(
  t: TestContext,
  { port, client }: { port: number; client: { id: string; secret: string; origin: string; provider: string } },
): Promise<string> {
  const issuer = `http://127.0.0.1:${port}`
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        redirect_uris: [`${client.origin}/sign-in/callback/${client.provider}`],
        backchannel_logout_uri: `${client.origin}/sign-in/backchannel-logout/${client.provider}`,
        backchannel_logout_session_required: true,
      },
    ],
    features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true } },
    cookies: { keys: ['of this test'] },
    // Its own guard lets nobody on this machine be told anything.
    fetch: (url, options) => globalThis.fetch(url, { ...options, dispatcher: undefined } as RequestInit),
  })
  const server = createServer((req, res) => void provider.callback()(req, res))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return issuer
}
