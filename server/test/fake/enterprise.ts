import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'

/** A company's identity provider that vouches for people to clients by identity assertions (ID-JAG). */
export interface FakeEnterprise {
  issuer: string
  jwksUri: string
  /** How often its keys were fetched. */
  fetched: number
  /** Its keys cannot be had. */
  silent: boolean
  /** Writes an assertion; `claims` and `header` write over what is right. */
  assert(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>
  /** The same, signed by a key of somebody else. */
  forge(claims: Record<string, unknown>): Promise<string>
  /** What it signs with, for what no library would sign. */
  key: CryptoKey
  /** The claims of an assertion, new ones each time. */
  claims(more: Record<string, unknown>): Record<string, unknown>
}

/** Starts a provider on a free port of this machine. */
export async function openFakeEnterprise(t: TestContext): Promise<FakeEnterprise> {
  const [own, foreign] = [await generateKeyPair('ES256', { extractable: true }), await generateKeyPair('ES256')]
  const keys = [{ ...(await exportJWK(own.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }]
  const server = createServer((_request, response) => {
    provider.fetched++
    if (provider.silent) return response.destroy()
    return response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const claimsWith = (more: Record<string, unknown>) => {
    const now = Math.floor(Date.now() / 1_000)
    return { iss: issuer, sub: 'u-1', jti: randomUUID(), iat: now, exp: now + 300, name: 'Ana Lima', ...more }
  }
  const sign = (key: CryptoKey, claims: Record<string, unknown>, header: Record<string, unknown>) => {
    return new SignJWT(claimsWith(claims))
      .setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'oauth-id-jag+jwt', ...header })
      .sign(key)
  }
  const provider: FakeEnterprise = {
    issuer,
    jwksUri: `${issuer}/jwks`,
    fetched: 0,
    silent: false,
    assert: (claims, header = {}) => sign(own.privateKey, claims, header),
    forge: (claims) => sign(foreign.privateKey, claims, {}),
    key: own.privateKey,
    claims: claimsWith,
  }
  return provider
}
