import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/fault.ts'
import { digestOf } from '../../base/ids.ts'
import { networkOf } from '../../base/network.ts'
import { deleteEndedRates, givePoint, givePoints, type RateLimit, takePoint } from '../../store/rates.ts'
import type { Store } from '../../store/store.ts'

const seconds = 15 * 60

/**
 * Failed logins that are tolerated in a quarter of an hour: by one network for one login, by one network, for one login
 * from everywhere. The last is generous, so that nobody can lock somebody else out for little.
 */
const limits = {
  pair: { name: 'login.pair', points: 5, seconds },
  address: { name: 'login.address', points: 20, seconds },
  login: { name: 'login.login', points: 50, seconds },
  begun: { name: 'login.begun', points: 60, seconds },
  answered: { name: 'login.answered', points: 60, seconds },
  vouching: { name: 'login.vouching', points: 20, seconds },
  signal: { name: 'login.signal', points: 200, seconds },
  codes: { name: 'login.codes', points: 3, seconds },
} as const satisfies Record<string, RateLimit>

/** Limits of the ways in. They are counted in the store, so that they hold across replicas and restarts. */
export interface Throttle {
  /** Counts a try before it is judged, so that many at once do not slip through. Throws `identity.too_many`. */
  admit(login: string, address: string): Promise<void>
  /** Takes the try back: it succeeded. */
  succeeded(login: string, address: string): Promise<void>
  /** Counts a login that is begun at a provider. Throws `identity.too_many`. */
  admitBeginning(address: string): Promise<void>
  /**
   * Counts what says that it is the answer to a login that was begun here, before that is looked for. Throws
   * `identity.too_many`.
   */
  admitAnswer(address: string): Promise<void>
  /** Takes it back: it is. */
  answerTaken(address: string): Promise<void>
  /** Counts what says that it is the backend of an application, before it is judged. Throws `identity.too_many`. */
  admitVouching(address: string): Promise<void>
  /** Takes it back: it is. */
  vouched(address: string): Promise<void>
  /** Counts what says that it comes from a provider or a transmitter, before it is judged. Throws `identity.too_many`. */
  admitSignal(address: string): Promise<void>
  /** Takes it back: it does. */
  signalTaken(address: string): Promise<void>
  /** Counts the making of recovery codes for a principal. Throws `identity.too_many`. */
  admitCodes(principalId: string): Promise<void>
}

export function openThrottle({ store, clock }: { store: Store; clock: Clock }): Throttle {
  const keyOf = (...parts: string[]) => digestOf(JSON.stringify(parts))

  async function consume(limit: RateLimit, key: string, doing = 'sign in'): Promise<void> {
    const waitMs = await takePoint(store, limit, { key, now: clock.now() })
    if (waitMs === undefined) return
    await deleteEndedRates(store, clock.now())
    const minutes = Math.max(1, Math.ceil(waitMs / 60_000))
    throw new Fault('identity.too_many', `cannot ${doing} now: too many tries; try again in ${minutes} min`)
  }

  return {
    async admit(login, address) {
      await consume(limits.address, keyOf(networkOf(address)))
      await consume(limits.pair, keyOf(login, networkOf(address)))
      await consume(limits.login, keyOf(login))
    },
    async succeeded(login, address) {
      await givePoints(store, limits.pair, keyOf(login, networkOf(address)))
      await givePoint(store, limits.address, keyOf(networkOf(address)))
      await givePoint(store, limits.login, keyOf(login))
    },
    admitBeginning: (address) => consume(limits.begun, keyOf(networkOf(address))),
    admitAnswer: (address) => consume(limits.answered, keyOf(networkOf(address))),
    answerTaken: (address) => givePoint(store, limits.answered, keyOf(networkOf(address))),
    admitVouching: (address) => consume(limits.vouching, keyOf(networkOf(address))),
    vouched: (address) => givePoint(store, limits.vouching, keyOf(networkOf(address))),
    admitSignal: (address) => consume(limits.signal, keyOf(networkOf(address))),
    admitCodes: (principalId) => consume(limits.codes, keyOf(principalId), 'make codes'),
    signalTaken: (address) => givePoint(store, limits.signal, keyOf(networkOf(address))),
  }
}
