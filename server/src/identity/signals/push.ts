import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault } from '../../base/fault.ts'
import { digestOf } from '../../base/ids.ts'
import { formBytesMax } from '../../base/limits.ts'
import { clientAddressOf, type Door, readBody } from '../../base/listen.ts'
import type { Log } from '../../base/log.ts'
import type { Throttle } from '../login/throttle.ts'
import { Refused } from './refused.ts'
import type { Stream } from './stream.ts'

const path = /^\/signals\/([a-z0-9-]{1,63})$/

/**
 * Takes what transmitters push, each at its own address. Who pushed and whether it is good is said in the words of the
 * protocol; whether anybody is known here whom it is about is not said at all.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8935
 */
export function pushDoor(parts: { streams: readonly Stream[]; throttle: Throttle; log: Log }): Door {
  const { throttle, log } = parts
  const streams = new Map(parts.streams.filter(({ config }) => config.push).map((one) => [one.config.id, one]))
  return {
    name: 'signals',
    match: (raw) => path.test(raw),
    async handle(req, res) {
      const stream = streams.get(path.exec(new URL(req.url ?? '/', 'http://sallyport').pathname)?.[1] ?? '')
      if (stream === undefined) throw new Fault('base.not_found', 'there is nothing at this address')
      if (req.method !== 'POST') {
        res.setHeader('allow', 'POST')
        throw new Fault('base.bad_request', 'this address does not take that method', { status: 405 })
      }
      const address = clientAddressOf(req)
      await throttle.admitSignal(address)
      try {
        await stream.take(await readToken(req, stream))
        await throttle.signalTaken(address)
        res.writeHead(202, { 'cache-control': 'no-store' }).end()
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        log.warn(
          { transmitter: stream.config.id, address, code: error.code, why: error.message },
          'a signal was refused',
        )
        refuse(res, error)
      }
    },
  }
}

async function readToken(req: IncomingMessage, { config }: Stream): Promise<string> {
  const expected = config.push?.authorization
  if (expected !== undefined && !sameText(expected, req.headers.authorization ?? ''))
    throw new Refused('authentication_failed', 'the `Authorization` header is not the one that was agreed')
  if (!/^application\/secevent\+jwt\s*(;|$)/i.test(req.headers['content-type'] ?? ''))
    throw new Refused('invalid_request', 'the body must be `application/secevent+jwt`')
  return Buffer.from(await readBody(req, formBytesMax))
    .toString('latin1')
    .trim()
}

function sameText(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(digestOf(one)), Buffer.from(digestOf(other)))
}

function refuse(res: ServerResponse, { code, message }: Refused): void {
  const body = JSON.stringify({ err: code, description: message })
  const headers = { 'content-type': 'application/json', 'content-language': 'en', 'cache-control': 'no-store' }
  res.writeHead(400, { ...headers, 'content-length': Buffer.byteLength(body) })
  res.end(body)
}
