import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'

/** What a poll request said. */
export interface Polled {
  authorization: string | undefined
  contentType: string | undefined
  body: {
    maxEvents?: number
    returnImmediately?: boolean
    ack?: string[]
    setErrs?: Record<string, { err: string; description: string }>
  }
}

/** A transmitter of security events, with a journal of its own. */
export interface FakeTransmitter {
  /** Its issuer, and where it listens. */
  issuer: string
  jwksUri: string
  pollUrl: string
  key: CryptoKey
  /** How often its keys were fetched. */
  fetched: number
  /** Its keys cannot be had. */
  silent: boolean
  /** Poll requests, as they came. */
  polled: Polled[]
  /** What is not acknowledged yet, by `jti`. */
  waiting: Map<string, string>
  /** Answers polls with this status. */
  pollStatus: number
  /** Answers polls with this body in the place of what is right. */
  pollBody: string | undefined
  /** It forgets nothing, whatever is acknowledged. */
  forgetful: boolean
  /** What a token says, with a new id. */
  claims(claims: Record<string, unknown>): Record<string, unknown>
  /** Writes a token; `claims` and `header` write over what is right. */
  write(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>
  /** The same, signed by a key of somebody else under the same name. */
  forge(claims: Record<string, unknown>): Promise<string>
}

export const caep = 'https://schemas.openid.net/secevent/caep/event-type/'
export const risc = 'https://schemas.openid.net/secevent/risc/event-type/'
export const ssf = 'https://schemas.openid.net/secevent/ssf/event-type/'

/** The audience that the house is known by. */
export const audience = 'https://gateway.example/signals'

/** Claims that say that something happened to a subject of the transmitter's people. */
export function about(subject: unknown, event: string, payload: Record<string, unknown> = {}): Record<string, unknown> {
  return { events: { [event]: payload }, ...(subject !== undefined && { sub_id: subject }) }
}

/** Starts a transmitter on a free port of this machine. */
export async function openFakeTransmitter(t: TestContext): Promise<FakeTransmitter> {
  const [own, foreign] = [await generateKeyPair('ES256', { extractable: true }), await generateKeyPair('ES256')]
  const keys = [{ ...(await exportJWK(own.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }]
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('content-type', 'application/json')
    if (request.url === '/poll') {
      await answerPoll(request, response)
      return
    }
    transmitter.fetched++
    if (transmitter.silent) response.destroy()
    else response.end(JSON.stringify({ keys }))
  }

  async function answerPoll(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Polled['body']
    const { authorization, 'content-type': contentType } = request.headers
    transmitter.polled.push({ authorization, contentType, body })
    if (transmitter.pollStatus !== 200) return void response.writeHead(transmitter.pollStatus).end('{}')
    if (!transmitter.forgetful) {
      for (const jti of [...(body.ack ?? []), ...Object.keys(body.setErrs ?? {})]) transmitter.waiting.delete(jti)
    }
    const sets = Object.fromEntries([...transmitter.waiting].slice(0, body.maxEvents))
    response.end(transmitter.pollBody ?? JSON.stringify({ sets, moreAvailable: transmitter.waiting.size > 0 }))
  }

  const claimsOf = (claims: Record<string, unknown>) => {
    const usual = { iss: issuer, aud: audience, jti: randomUUID(), iat: Math.floor(Date.now() / 1_000), txn: 't1' }
    return { ...usual, ...claims }
  }
  const sign = (key: CryptoKey, claims: Record<string, unknown>, header: Record<string, unknown>) =>
    new SignJWT(claimsOf(claims))
      .setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'secevent+jwt', ...header })
      .sign(key)
  const transmitter: FakeTransmitter = {
    issuer,
    jwksUri: `${issuer}/jwks`,
    pollUrl: `${issuer}/poll`,
    key: own.privateKey,
    fetched: 0,
    silent: false,
    polled: [],
    waiting: new Map(),
    pollStatus: 200,
    pollBody: undefined,
    forgetful: false,
    claims: claimsOf,
    write: (claims, header = {}) => sign(own.privateKey, claims, header),
    forge: (claims) => sign(foreign.privateKey, claims, {}),
  }
  return transmitter
}
