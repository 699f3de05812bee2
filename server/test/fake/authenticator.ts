import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

/** What an authenticator, or the browser before it, may be made to say otherwise than it is. */
export interface Lie {
  origin?: string
  rpId?: string
  challenge?: string
  type?: string
  crossOrigin?: boolean
  topOrigin?: string
  /** Bit 0: somebody is there; bit 2: and was verified; bit 3: may be on several devices. */
  flags?: number
  counter?: number
  userHandle?: string
  id?: string
  key?: KeyObject
  format?: string
}

interface Options {
  challenge: string
  rp?: { id: string }
  rpId?: string
  user?: { id: string }
}

const [present, verified, attested] = [0x01, 0x04, 0x40]

/** An authenticator with one passkey, and the browser in front of it, which asks nobody. */
export class FakeAuthenticator {
  readonly id = randomBytes(16).toString('base64url')
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  readonly #origin: string
  #userHandle = ''
  /** 0: it does not count, as those that are on several devices do not. */
  counter = 0

  constructor(origin: string) {
    this.#origin = origin
  }

  /** The private half, for those who shall not have it. */
  get privateKey(): KeyObject {
    return this.#keys.privateKey
  }

  /** Answers `navigator.credentials.create`. */
  make(options: Options, lie: Lie = {}): string {
    this.#userHandle = options.user!.id
    const { x, y } = this.#keys.publicKey.export({ format: 'jwk' })
    const cose = map([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, Buffer.from(x!, 'base64url')],
      [-3, Buffer.from(y!, 'base64url')],
    ])
    const id = Buffer.from(this.id, 'base64url')
    const length = Buffer.from([id.length >> 8, id.length & 0xff])
    const flags = (lie.flags ?? present | verified) | attested
    const authData = Buffer.concat([
      this.#head(lie.rpId ?? options.rp!.id, flags, lie.counter ?? this.counter),
      Buffer.alloc(16),
      length,
      id,
      cose,
    ])
    const attestation = map([
      ['fmt', lie.format ?? 'none'],
      ['attStmt', {}],
      ['authData', authData],
    ])
    const clientData = this.#clientData('webauthn.create', options, lie)
    const response = {
      clientDataJSON: clientData.toString('base64url'),
      attestationObject: attestation.toString('base64url'),
    }
    return JSON.stringify({ id: lie.id ?? this.id, type: 'public-key', response })
  }

  /** Answers `navigator.credentials.get`. */
  use(options: Options, lie: Lie = {}): string {
    const counter = lie.counter ?? (this.counter === 0 ? 0 : ++this.counter)
    const authData = this.#head(lie.rpId ?? options.rpId!, lie.flags ?? present | verified, counter)
    const clientData = this.#clientData('webauthn.get', options, lie)
    const signed = Buffer.concat([authData, createHash('sha256').update(clientData).digest()])
    const response = {
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: authData.toString('base64url'),
      signature: sign('sha256', signed, lie.key ?? this.#keys.privateKey).toString('base64url'),
      userHandle: lie.userHandle ?? this.#userHandle,
    }
    return JSON.stringify({ id: lie.id ?? this.id, type: 'public-key', response })
  }

  #head(rpId: string, flags: number, counter: number): Buffer {
    const tail = Buffer.alloc(5)
    tail.writeUInt8(flags)
    tail.writeUInt32BE(counter, 1)
    return Buffer.concat([createHash('sha256').update(rpId).digest(), tail])
  }

  #clientData(type: string, { challenge }: Options, lie: Lie): Buffer {
    const { crossOrigin = false, topOrigin } = lie
    const said = { type: lie.type ?? type, challenge: lie.challenge ?? challenge, origin: lie.origin ?? this.#origin }
    return Buffer.from(JSON.stringify({ ...said, crossOrigin, ...(topOrigin && { topOrigin }) }))
  }
}

// As much of CBOR as attestations need.
function encode(value: number | string | Buffer | Record<string, never>): Buffer {
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value)
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value])
  return head(5, 0)
}

function map(entries: [number | string, number | string | Buffer | Record<string, never>][]): Buffer {
  return Buffer.concat([head(5, entries.length), ...entries.flatMap(([key, value]) => [encode(key), encode(value)])])
}

function head(major: number, count: number): Buffer {
  if (count < 24) return Buffer.from([(major << 5) | count])
  if (count < 256) return Buffer.from([(major << 5) | 24, count])
  return Buffer.from([(major << 5) | 25, count >> 8, count & 0xff])
}
