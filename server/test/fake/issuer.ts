import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

/** Something that signs tokens and shows its keys: a client, a cluster, a cloud, a company's provider. */
export interface FakeIssuer {
  issuer: string
  jwksUri: string
  /** Its public keys, for who has them in a file. */
  jwks: { keys: JWK[] }
  privateKey: CryptoKey
  /** The paths that were asked for, in order. */
  asked: string[]
  /** What its discovery document says beside, or instead of, the truth. */
  discovery: Record<string, unknown>
  /** Signs; `claims` and `header` write over what is usual, `undefined` takes away. */
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>, key?: CryptoKey): Promise<string>
}

/** Starts one on a free port of this machine. */
export async function openFakeIssuer(t: TestContext, more: { alg?: string; use?: string } = {}): Promise<FakeIssuer> {
  const { alg = 'ES256', use = 'sig' } = more
  const pair = await generateKeyPair(alg, { extractable: true })
  const keys = [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg, use }]
  const server = createServer((request, response) => {
    fake.asked.push(request.url ?? '')
    const { issuer, jwksUri: jwks_uri } = fake
    const body = request.url === '/jwks' ? fake.jwks : { issuer, jwks_uri, ...fake.discovery }
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const fake: FakeIssuer = {
    issuer,
    jwksUri: `${issuer}/jwks`,
    jwks: { keys },
    privateKey: pair.privateKey,
    asked: [],
    discovery: {},
    sign: (claims, header = {}, key = pair.privateKey) => {
      const now = Math.floor(Date.now() / 1_000)
      const usual = { iss: issuer, sub: 'u-1', jti: randomUUID(), iat: now, exp: now + 300 }
      return new SignJWT({ ...usual, ...claims }).setProtectedHeader({ alg, kid: 'one', ...header }).sign(key)
    },
  }
  return fake
}

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** What a client that signs proves itself by at the token endpoint; `claims` write over what is right. */
export async function clientProof(
  key: FakeIssuer,
  of: { id: string; origin: string; header?: Record<string, unknown> },
  claims: Record<string, unknown> = {},
): Promise<{ client_assertion_type: string; client_assertion: string }> {
  const exp = Math.floor(Date.now() / 1_000) + 60
  const right = { iss: of.id, sub: of.id, aud: of.origin, exp }
  return {
    client_assertion_type: assertionType,
    client_assertion: await key.sign({ ...right, ...claims }, of.header),
  }
}
