import type { IncomingMessage } from 'node:http'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { Fault } from '../../base/fault.ts'
import { clientAddressOf } from '../../base/listen.ts'

/**
 * Limits how often one network may ask for something that costs us memory or work before anybody is known.
 *
 * @returns a check that throws `oauth.too_many` when the limit is spent.
 */
export function openThrottle(limit: {
  what: string
  points: number
  seconds: number
}): (request: IncomingMessage) => Promise<void> {
  const limiter = new RateLimiterMemory({ keyPrefix: limit.what, points: limit.points, duration: limit.seconds })
  return async (request) => {
    try {
      await limiter.consume(networkOf(clientAddressOf(request)))
    } catch (spent) {
      if (!(spent instanceof RateLimiterRes)) throw spent
      const seconds = Math.ceil(spent.msBeforeNext / 1_000)
      throw new Fault('oauth.too_many', `too many ${limit.what} from this address: try again in ${seconds} seconds`, {
        data: { retryAfterSeconds: seconds },
      })
    }
  }
}

// Who has one IPv6 address has 2^64 of them.
function networkOf(address: string): string {
  return address.includes(':') && !address.includes('.') ? address.split(':').slice(0, 4).join(':') : address
}
