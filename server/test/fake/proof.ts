import { createHash, createPublicKey, type JsonWebKey, verify } from 'node:crypto'

/** What a proof of possession says that is good for one request. */
export interface ReadProof {
  /** The thumbprint of its key. */
  jkt: string
  jti: string
  nonce: string | undefined
}

/** Reads a proof (RFC 9449, section 4.3); undefined of what is none for this request and token. */
export function readProof(
  proof: string | string[] | undefined,
  of: { method: string; url: string; token?: string },
): ReadProof | undefined {
  if (typeof proof !== 'string') return undefined
  const [head = '', body = '', signature = '', more] = proof.split('.')
  if (more !== undefined) return undefined
  const header = parse(head)
  const claims = parse(body)
  const jwk = header['jwk'] as JsonWebKey
  if (header['typ'] !== 'dpop+jwt' || header['alg'] !== 'ES256' || jwk.d !== undefined) return undefined
  const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' } as const
  if (!verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))) return undefined
  if (claims['htm'] !== of.method || claims['htu'] !== of.url || typeof claims['iat'] !== 'number') return undefined
  if (of.token !== undefined && claims['ath'] !== digest(of.token)) return undefined
  const { crv, kty, x, y } = jwk
  const jkt = digest(JSON.stringify({ crv, kty, x, y }))
  return { jkt, jti: claims['jti'] as string, nonce: claims['nonce'] as string | undefined }
}

function parse(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
