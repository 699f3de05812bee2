import { hkdfSync, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'

const stepSeconds = 60
const around = 2

/** Nonces that every replica can judge and none has to remember. */
export interface Nonces {
  next(): string
  good(nonce: string | undefined): boolean
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
      window = Array.from({ length: 2 * around + 1 }, (_, place) => nonceOf(nonceKey, step - around + place))
    }
    return window
  }

  return {
    next: () => current()[around + 1]!,
    good: (nonce) => nonce !== undefined && current().some((one) => same(one, nonce)),
  }
}

function nonceOf(key: Uint8Array, step: number): string {
  const salt = Buffer.alloc(8)
  salt.writeBigUInt64BE(BigInt(step))
  return Buffer.from(hkdfSync('sha256', key, salt, 'DPoP', 32)).toString('base64url')
}

function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}
