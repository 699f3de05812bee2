import type { IncomingMessage, ServerResponse } from 'node:http'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { Fault } from '../../base/fault.ts'
import { readJson } from '../../base/json.ts'
import { formBytesMax } from '../../base/limits.ts'
import { clientAddressOf, readBody } from '../../base/listen.ts'
import { readClientMetadata } from '../client/metadata.ts'
import type { Engine } from '../provider.ts'
import { sendJson } from './answers.ts'
import { standIn } from './stand-in.ts'

/**
 * Serves dynamic registration: limits it by address, reads what the client says leniently, and lets the engine do the
 * rest.
 *
 * @param perHourMax Registrations that one address may make in an hour.
 * @see https://www.rfc-editor.org/rfc/rfc7591#section-3
 */
export function registrationEndpoint(
  engine: Engine,
  perHourMax: number,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const limiter = new RateLimiterMemory({ keyPrefix: 'registration', points: perHourMax, duration: 3_600 })
  return async (request, response) => {
    try {
      await admit(limiter, networkOf(clientAddressOf(request)))
      const body = JSON.stringify({ ...(await readRegistration(request)), response_types: ['code'] })
      await engine.serve(standIn(request, body, 'application/json'), response)
    } catch (error) {
      if (!(error instanceof Fault) || error.status >= 500 || response.headersSent) throw error
      const { error: code = 'invalid_client_metadata', retryAfterSeconds } = error.data ?? {}
      sendJson(response, {
        status: error.status,
        body: { error: code, error_description: error.message },
        ...(retryAfterSeconds === undefined ? {} : { headers: { 'retry-after': String(retryAfterSeconds) } }),
      })
    }
  }
}

async function admit(limiter: RateLimiterMemory, network: string): Promise<void> {
  try {
    await limiter.consume(network)
  } catch (spent) {
    if (!(spent instanceof RateLimiterRes)) throw spent
    const seconds = Math.ceil(spent.msBeforeNext / 1_000)
    throw new Fault('oauth.too_many', `too many registrations from this address: try again in ${seconds} seconds`, {
      data: { error: 'temporarily_unavailable', retryAfterSeconds: seconds },
    })
  }
}

async function readRegistration(request: IncomingMessage): Promise<object> {
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new Fault('oauth.request_refused', 'cannot register this client: the body must be `application/json`')
  }
  return readClientMetadata(readJson(await readBody(request, formBytesMax), { bytesMax: formBytesMax }), 'registration')
}

// Who has one IPv6 address has 2^64 of them.
function networkOf(address: string): string {
  return address.includes(':') && !address.includes('.') ? address.split(':').slice(0, 4).join(':') : address
}
