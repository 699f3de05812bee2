import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'

/**
 * Makes a UUIDv7: sortable by the millisecond of its making, with 74 random bits.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.7
 */
export function makeId(clock: Clock): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(clock.now(), 0, 6)
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Makes a secret of 256 random bits, base64url, for links and keys that are shown once and stored as `digestOf`. */
export function makeSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** The SHA-256 digest of a text or of bytes, in lower-case hexadecimal (64 characters). */
export function digestOf(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
