import { hash, randomBytes, randomUUID } from 'node:crypto'
import type { Clock } from './clock.ts'

/**
 * Makes a UUIDv7: sortable by the millisecond of its making, with 74 random bits.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.7
 */
export function makeId(clock: Clock): string {
  const now = clock.now()
  const high = Math.trunc(now / 0x1_0000)
  // Two small numbers: of one that is larger than 32 bits the engine writes each digit by dividing doubles.
  const time = `${high.toString(16).padStart(8, '0')}-${(now - high * 0x1_0000).toString(16).padStart(4, '0')}`
  // A UUIDv4 of the platform has its random bits and its variant where version 7 has them, and draws them in stock.
  return `${time}-7${randomUUID().slice(15)}`
}

/** Makes a secret of 256 random bits, base64url, for links and keys that are shown once and stored as `digestOf`. */
export function makeSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** The SHA-256 digest of a text or of bytes, in lower-case hexadecimal (64 characters). */
export function digestOf(data: string | Uint8Array): string {
  return hash('sha256', data)
}
