import { createHmac, createPublicKey, generateKeyPairSync, KeyObject, randomBytes, sign } from 'node:crypto'
import type { CryptoKey } from 'jose'

/** Who signs what is presented, by ES256. */
export interface Signer {
  key: CryptoKey
  /** The usual header. */
  header: Record<string, unknown>
  /** Good claims, new ones each time: what is presented may be good once. */
  claims(): Record<string, unknown>
}

/** Types of everything else that is signed here or elsewhere; `JWT` is what says nothing. */
const types = ['at+jwt', 'dpop+jwt', 'oauth-id-jag+jwt', 'logout+jwt', 'secevent+jwt', 'token-introspection+jwt', 'JWT']
// The order of the group of P-256, and nothing.
const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
const zero = '0'.repeat(64)

const encode = (part: string | Uint8Array) => Buffer.from(part).toString('base64url')

/** A JWS of ES256, whatever stands in its header. */
export function seal(signer: Signer, header: string, payload: string | Uint8Array = JSON.stringify(signer.claims())) {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${encode(signed(KeyObject.from(signer.key), input))}`
}

function signed(key: KeyObject, input: string, dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363'): Buffer {
  return sign('sha256', Buffer.from(input), { key, dsaEncoding })
}

/**
 * What must be taken by nobody who checks signatures, by name: forgeries of who has seen the signer's public key, and what
 * the signer himself made but not for this.
 *
 * @param elsewhere an address that must not be asked.
 * @param own the types that are right here, of which the others are not; absent where the type is not asked.
 */
export function jwsVectors(
  signer: Signer,
  { elsewhere, own }: { elsewhere: string; own: readonly unknown[] | undefined },
) {
  return {
    ...algorithms(signer),
    ...signatures(signer),
    ...strangersKeys(signer, elsewhere),
    ...criticals(signer),
    ...spellings(signer),
    ...(own === undefined ? {} : foreignTypes(signer, own)),
  }
}

function algorithms(signer: Signer): Record<string, string> {
  const publicKey = createPublicKey(KeyObject.from(signer.key))
  const jwk = publicKey.export({ format: 'jwk' })
  const pem = publicKey.export({ format: 'pem', type: 'spki' }) as string
  const secrets: Record<string, string | Buffer> = {
    PEM: pem,
    'PEM without its last line break': pem.trimEnd(),
    DER: publicKey.export({ format: 'der', type: 'spki' }),
    JWK: JSON.stringify(jwk),
    'its coordinates': Buffer.from(`${jwk.x}${jwk.y}`, 'base64url'),
    nothing: '',
  }
  const made: Record<string, string> = {}
  const payload = () => encode(JSON.stringify(signer.claims()))
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
    const input = `${encode(JSON.stringify({ ...signer.header, alg }))}.${payload()}`
    made[`alg "${alg}" without a signature`] = `${input}.`
    made[`alg "${alg}" with one`] = seal(signer, JSON.stringify({ ...signer.header, alg }))
  }
  for (const [name, secret] of Object.entries(secrets)) {
    for (const [alg, digest] of Object.entries({ HS256: 'sha256', HS512: 'sha512' })) {
      const input = `${encode(JSON.stringify({ ...signer.header, alg }))}.${payload()}`
      made[`${alg} with the public key as secret: ${name}`] =
        `${input}.${createHmac(digest, secret).update(input).digest('base64url')}`
    }
  }
  for (const alg of ['es256', ' ES256', 'ES256 ', 'ES256\0', 'ES384', 'ES512', 'ES256K', 'RS256', 'PS256', 'EdDSA'])
    made[`alg ${JSON.stringify(alg)} over a signature of ES256`] = seal(
      signer,
      JSON.stringify({ ...signer.header, alg }),
    )
  for (const alg of [undefined, null, 256, true, ['ES256'], { alg: 'ES256' }])
    made[`alg ${JSON.stringify(alg)}`] = seal(signer, JSON.stringify({ ...signer.header, alg }))
  return made
}

function signatures(signer: Signer): Record<string, string> {
  const good = () => seal(signer, JSON.stringify(signer.header))
  const withSignature = (signature: Buffer | string) => {
    const [head, payload] = good().split('.')
    return `${head}.${payload}.${typeof signature === 'string' ? signature : encode(signature)}`
  }
  const raw = Buffer.from(good().split('.')[2]!, 'base64url')
  const [head, payload, signature] = good().split('.') as [string, string, string]
  const claims = signer.claims()
  return {
    'the signature of something else': withSignature(raw),
    'no signature': withSignature(''),
    'zeros for a signature': withSignature(Buffer.from(zero + zero, 'hex')),
    'r is zero': withSignature(Buffer.concat([Buffer.alloc(32), raw.subarray(32)])),
    's is zero': withSignature(Buffer.concat([raw.subarray(0, 32), Buffer.alloc(32)])),
    'r and s are the order': withSignature(Buffer.from(order + order, 'hex')),
    'r and s changed places': withSignature(Buffer.concat([raw.subarray(32), raw.subarray(0, 32)])),
    'a signature in DER': `${head}.${payload}.${encode(signed(KeyObject.from(signer.key), `${head}.${payload}`, 'der'))}`,
    'a byte less': `${head}.${payload}.${signature.slice(0, -2)}`,
    'a byte more': `${head}.${payload}.${encode(Buffer.concat([Buffer.from(signature, 'base64url'), Buffer.alloc(1)]))}`,
    'other claims under the signature': `${head}.${encode(JSON.stringify({ ...claims, more: true }))}.${signature}`,
    'another header over the signature': `${encode(JSON.stringify({ ...signer.header, more: true }))}.${payload}.${signature}`,
  }
}

function strangersKeys(signer: Signer, elsewhere: string): Record<string, string> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' })
  const forge = (more: Record<string, unknown>) => {
    const header = JSON.stringify({ ...signer.header, ...more })
    const input = `${encode(header)}.${encode(JSON.stringify(signer.claims()))}`
    return `${input}.${encode(signed(privateKey, input))}`
  }
  const { kid } = signer.header
  const made: Record<string, string> = {
    'another key under the same kid': forge({}),
    'another key and no kid': forge({ kid: undefined }),
    'a key in its header': forge({ jwk }),
    'a key in its header, under the kid of ours': forge({ jwk: { ...jwk, kid } }),
    'the address of keys in its header': forge({ jku: `${elsewhere}/jwks` }),
    'the address of a certificate in its header': forge({ x5u: `${elsewhere}/x5u` }),
    'a certificate in its header': forge({ x5c: [randomBytes(300).toString('base64')] }),
    'thumbprints of nothing': forge({ x5t: 'x', 'x5t#S256': 'x' }),
    'all of them': forge({ jwk, jku: `${elsewhere}/jwks`, x5u: `${elsewhere}/x5u`, x5c: ['AAAA'] }),
  }
  for (const odd of [
    '',
    '../../../../dev/null',
    "' or '1'='1",
    '__proto__',
    '*',
    'x'.repeat(2_000),
    '\0',
    `${elsewhere}/k`,
  ])
    made[`another key under the kid ${JSON.stringify(odd.slice(0, 30))}`] = forge({ kid: odd })
  for (const odd of [0, null, true, [kid], { kid }])
    made[`another key under the kid ${JSON.stringify(odd)}`] = forge({ kid: odd })
  return made
}

function criticals(signer: Signer): Record<string, string> {
  const made: Record<string, string> = {}
  const lists = [['x'], [], ['b64'], ['exp'], ['alg'], 'x', ['x', 'x'], [1], {}, null]
  for (const crit of lists) {
    made[`crit ${JSON.stringify(crit)}`] = seal(signer, JSON.stringify({ ...signer.header, crit, x: 1 }))
  }
  made['crit names what is not there'] = seal(signer, JSON.stringify({ ...signer.header, crit: ['y'] }))
  // RFC 7797: the payload is signed as it stands.
  const head = encode(JSON.stringify({ ...signer.header, b64: false, crit: ['b64'] }))
  const payload = JSON.stringify(signer.claims())
  const signature = encode(signed(KeyObject.from(signer.key), `${head}.${payload}`))
  made['an unencoded payload, detached'] = `${head}..${signature}`
  made['an unencoded payload, encoded all the same'] = `${head}.${encode(payload)}.${signature}`
  return made
}

function spellings(signer: Signer): Record<string, string> {
  const good = () => seal(signer, JSON.stringify(signer.header)).split('.') as [string, string, string]
  const [head, payload, signature] = good()
  const usual = JSON.stringify(signer.header)
  const twice = (before: object, after: object) =>
    `${JSON.stringify(before).slice(0, -1)},${usual.slice(1, -1)},${JSON.stringify(after).slice(1)}`
  const unsigned = (header: string) => `${encode(header)}.${encode(JSON.stringify(signer.claims()))}.`
  return {
    'padding of the header': `${head}=.${payload}.${signature}`,
    'padding of the payload': `${head}.${payload}==.${signature}`,
    'padding of the signature': `${head}.${payload}.${signature}==`,
    'bits that mean nothing': `${head}.${payload}.${respelt(signature)}`,
    'the alphabet of base64': `${head}.${payload}.+/${signature.slice(2)}`,
    'a space within': `${head}.${payload}.${signature.slice(0, 9)} ${signature.slice(9)}`,
    'a line break within': `${head}.${payload}.${signature.slice(0, 9)}\n${signature.slice(9)}`,
    'one part': head,
    'two parts': `${head}.${payload}`,
    'four parts': `${head}.${payload}.${signature}.`,
    'five parts': `${head}.${payload}.${signature}.${payload}.${signature}`,
    'an empty header': `.${payload}.${signature}`,
    'an empty payload': `${head}..${signature}`,
    'JSON, flattened': JSON.stringify({ protected: head, payload, signature }),
    'JSON, general': JSON.stringify({ payload, signatures: [{ protected: head, signature }] }),
    'a header that is no JSON': seal(signer, '{'),
    'a header that is a list': seal(signer, `[${usual}]`),
    'a header that is a text': seal(signer, '"ES256"'),
    'a header of nothing': seal(signer, 'null'),
    'claims that are no JSON': seal(signer, usual, '{'),
    'claims that are a list': seal(signer, usual, JSON.stringify([signer.claims()])),
    'claims that are a text': seal(signer, usual, JSON.stringify('sub')),
    'claims that are nothing': seal(signer, usual, 'null'),
    'claims that are no UTF-8': seal(signer, usual, Buffer.from([0x7b, 0xff, 0xfe, 0x7d])),
    'alg none after the other': unsigned(twice({}, { alg: 'none' })),
    'alg none before the other, unsigned': unsigned(twice({ alg: 'none' }, {})),
  }
}

// The last of 86 characters holds four bits that no byte has.
function respelt(signature: string): string {
  const last = signature.at(-1)!
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return signature.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1]!
}

function foreignTypes(signer: Signer, own: readonly unknown[]): Record<string, string> {
  const made: Record<string, string> = {}
  const first = String(own[0])
  const odd = [`${first}x`, `x${first}`, `${first};x`, '', undefined, [first], 7]
  for (const typ of [...types, ...odd].filter((one) => !own.includes(one)))
    made[`the type ${JSON.stringify(typ)}`] = seal(signer, JSON.stringify({ ...signer.header, typ }))
  return made
}
