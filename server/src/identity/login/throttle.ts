import { RateLimiterMemory } from 'rate-limiter-flexible'
import { Fault } from '../../base/fault.ts'

const windowSeconds = 15 * 60

/**
 * Failed logins that are tolerated in a quarter of an hour: by one address for one login, by one address, for one login
 * from everywhere. The last is generous, so that nobody can lock somebody else out for little.
 */
const limits = { pair: 5, address: 20, login: 50, begun: 60, vouched: 20 }

export interface Throttle {
  /** Counts a try before it is judged, so that many at once do not slip through. Throws `identity.too_many`. */
  admit(login: string, address: string): Promise<void>
  /** Takes the try back: it succeeded. */
  succeeded(login: string, address: string): Promise<void>
  /** Counts a login that is begun at a provider. Throws `identity.too_many`. */
  admitBeginning(address: string): Promise<void>
  /** Counts what says that it is the backend of an application, before it is judged. Throws `identity.too_many`. */
  admitVouching(address: string): Promise<void>
  /** Takes it back: it is. */
  vouched(address: string): Promise<void>
}

export function openThrottle(): Throttle {
  const limiter = (points: number) => new RateLimiterMemory({ points, duration: windowSeconds })
  const [pairs, addresses, logins, begun, vouching] = [
    limiter(limits.pair),
    limiter(limits.address),
    limiter(limits.login),
    limiter(limits.begun),
    limiter(limits.vouched),
  ] as const
  const pairOf = (login: string, address: string) => JSON.stringify([login, address])
  return {
    async admit(login, address) {
      await consume(addresses, address)
      await consume(pairs, pairOf(login, address))
      await consume(logins, login)
    },
    async succeeded(login, address) {
      await pairs.delete(pairOf(login, address))
      await addresses.reward(address)
      await logins.reward(login)
    },
    admitBeginning: (address) => consume(begun, address),
    admitVouching: (address) => consume(vouching, address),
    async vouched(address) {
      await vouching.reward(address)
    },
  }
}

async function consume(limiter: RateLimiterMemory, key: string): Promise<void> {
  try {
    await limiter.consume(key)
  } catch (reason) {
    if (reason instanceof Error) throw reason
    const waitMs = (reason as { msBeforeNext: number }).msBeforeNext
    const minutes = Math.max(1, Math.ceil(waitMs / 60_000))
    throw new Fault('identity.too_many', `cannot sign in now: too many tries; try again in ${minutes} min`)
  }
}
