import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/fault.ts'
import { digestOf } from '../../base/ids.ts'
import { clientAddressOf } from '../../base/listen.ts'
import { networkOf } from '../../base/network.ts'
import { deleteEndedRates, findWait, type RateLimit, takePoint } from '../../store/rates.ts'
import type { Store } from '../../store/store.ts'
import { sendJson } from './answers.ts'

/** Counts a request. Throws `oauth.too_many` when the limit of its network is spent, at whichever replica. */
export type Throttle = (request: IncomingMessage) => Promise<void>

/**
 * Limits how often one network may ask for something that costs us memory or work before anybody is known.
 *
 * @param limit `name` is what the refusal calls it.
 */
export function openThrottle({ store, clock }: { store: Store; clock: Clock }, limit: RateLimit): Throttle {
  return async (request) => {
    const now = clock.now()
    const waitMs = await takePoint(store, limit, { key: keyOf(request), now })
    if (waitMs === undefined) return
    await deleteEndedRates(store, now)
    throw tooMany(limit, waitMs)
  }
}

function tooMany({ name }: RateLimit, waitMs: number): Fault {
  const seconds = Math.ceil(waitMs / 1_000)
  return new Fault('oauth.too_many', `too many ${name} from this address: try again in ${seconds} seconds`, {
    data: { retryAfterSeconds: seconds },
  })
}

type Endpoint = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** An endpoint of the protocol behind a limit, which refuses in the protocol's words. */
export function limited(throttle: Throttle, endpoint: Endpoint): Endpoint {
  return async (request, response) => {
    try {
      await throttle(request)
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'oauth.too_many') throw error
      refuse(response, error)
      return
    }
    await endpoint(request, response)
  }
}

/**
 * An endpoint at which one network may fail only so often to say who it is: answers with status 401 are counted, and who
 * succeeds is served as often as he likes.
 */
export function limitedFailures(
  { store, clock }: { store: Store; clock: Clock },
  limit: RateLimit,
  endpoint: Endpoint,
): Endpoint {
  return async (request, response) => {
    const key = keyOf(request)
    const waitMs = await findWait(store, limit, { key, now: clock.now() })
    if (waitMs !== undefined) return refuse(response, tooMany(limit, waitMs))
    await endpoint(request, response)
    if (response.statusCode === 401) await takePoint(store, limit, { key, now: clock.now() })
  }
}

function refuse(response: ServerResponse, fault: Fault): void {
  sendJson(response, {
    status: fault.status,
    body: { error: 'temporarily_unavailable', error_description: fault.message },
    headers: { 'retry-after': String(fault.data?.['retryAfterSeconds']) },
  })
}

function keyOf(request: IncomingMessage): string {
  return digestOf(networkOf(clientAddressOf(request)))
}
