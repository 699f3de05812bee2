import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/fault.ts'
import { readJson } from '../../base/json.ts'
import { formBytesMax } from '../../base/limits.ts'
import { readBody } from '../../base/listen.ts'
import type { Store } from '../../store/store.ts'
import { readClientMetadata } from '../client/metadata.ts'
import type { Engine } from '../provider.ts'
import { sendJson } from './answers.ts'
import { standIn } from './stand-in.ts'
import { openThrottle } from './throttle.ts'

/**
 * Serves dynamic registration: limits it by address, reads what the client says leniently, and lets the engine do the
 * rest.
 *
 * @param perHourMax Registrations that one address may make in an hour.
 * @see https://www.rfc-editor.org/rfc/rfc7591#section-3
 */
export function registrationEndpoint(
  parts: { engine: Engine; store: Store; clock: Clock },
  perHourMax: number,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { engine } = parts
  const throttle = openThrottle(parts, { name: 'registrations', points: perHourMax, seconds: 3_600 })
  return async (request, response) => {
    try {
      await throttle(request)
      const body = JSON.stringify({ ...(await readRegistration(request)), response_types: ['code'] })
      await engine.serve(standIn(request, body, 'application/json'), response)
    } catch (error) {
      if (!(error instanceof Fault) || error.status >= 500 || response.headersSent) throw error
      const seconds = error.data?.['retryAfterSeconds']
      const code = error.code === 'oauth.too_many' ? 'temporarily_unavailable' : error.data?.['error']
      sendJson(response, {
        status: error.status,
        body: { error: code ?? 'invalid_client_metadata', error_description: error.message },
        ...(typeof seconds === 'number' ? { headers: { 'retry-after': String(seconds) } } : {}),
      })
    }
  }
}

async function readRegistration(request: IncomingMessage): Promise<object> {
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new Fault('oauth.request_refused', 'cannot register this client: the body must be `application/json`')
  }
  return readClientMetadata(readJson(await readBody(request, formBytesMax), { bytesMax: formBytesMax }), 'registration')
}
