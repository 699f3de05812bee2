import { hkdfSync, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'

const stepSeconds = 60
const around = 2
/** The engine takes nonces by the clock of its machine: which of those it takes are near enough to be judged at all. */
const nearMinutes = 12

/** Nonces that every replica can judge and none has to remember. */
export interface Nonces {
  next(): string
  good(nonce: string | undefined): boolean
  /**
   * Until when it is near: no proof that holds it is taken afterwards, by whichever clock, so that its use may be forgotten.
   *
   * @returns undefined if it is not of about this time.
   */
  nearUntil(nonce: string | undefined): number | undefined
}

/**
 * Opens the nonces of proofs: one a minute, good from three minutes before its minute ends until two after.
 *
 * They are made as the protocol engine makes those of the token endpoint: clients keep one nonce for an origin, and ours is
 * one origin. Were they made differently, each change of the endpoint would cost a client one request more, and nothing else.
 */
export function openNonces({ clock, nonceKey }: { clock: Clock; nonceKey: Uint8Array }): Nonces {
  let at = -1
  let window: string[] = []

  function current(): string[] {
    const step = Math.floor(clock.now() / 1_000 / stepSeconds)
    if (step !== at) {
      at = step
      window = Array.from({ length: 2 * nearMinutes + 1 }, (_, place) => nonceOf(nonceKey, step - nearMinutes + place))
    }
    return window
  }

  return {
    next: () => current()[nearMinutes + 1]!,
    good: (nonce) => isAmong(current().slice(nearMinutes - around, nearMinutes + around + 1), nonce),
    nearUntil(nonce) {
      const place = nonce === undefined ? -1 : current().findIndex((one) => same(one, nonce))
      // Of its own minute, which is `place` minutes after the earliest that is near, it is near for as long again.
      return place < 0 ? undefined : (at + place + 1) * stepSeconds * 1_000
    },
  }
}

function nonceOf(key: Uint8Array, step: number): string {
  const salt = Buffer.alloc(8)
  salt.writeBigUInt64BE(BigInt(step))
  return Buffer.from(hkdfSync('sha256', key, salt, 'DPoP', 32)).toString('base64url')
}

function isAmong(nonces: readonly string[], nonce: string | undefined): boolean {
  return nonce !== undefined && nonces.some((one) => same(one, nonce))
}

function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}
