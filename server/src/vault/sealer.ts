import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { Fault } from '../base/fault.ts'

const version = 's1.'
const cipher = 'aes-256-gcm'
const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16
const wrappedBytes = nonceBytes + keyBytes + tagBytes

/** Hides texts and bytes so that only the holder of the master key can read them. */
export interface Sealer {
  /**
   * Seals a text or bytes for storage.
   *
   * Promise: what comes out opens only with the same master key, `purpose` and `id`, and only unaltered. So a row that
   * is copied over another one does not open.
   *
   * @param purpose What kind of thing it is, such as `connection`.
   * @param id Which one it is; unique within the purpose.
   */
  seal(purpose: string, id: string, clear: string | Uint8Array): string
  /**
   * Opens what `seal` sealed for the same `purpose` and `id`.
   *
   * @throws {Fault} `vault.cannot_open` for anything else.
   */
  open(purpose: string, id: string, sealed: string): Uint8Array
}

/**
 * Makes the sealer of a master key: each record has a fresh 256-bit data key, wrapped by a key derived from the master
 * key; both layers are AES-256-GCM and are bound to purpose and id.
 *
 * @param masterKey Exactly 32 bytes.
 * @throws {Fault} `vault.key_invalid` if it is of another length.
 * @see NIST SP 800-38D; RFC 5869
 */
export function openSealer(masterKey: Uint8Array): Sealer {
  if (masterKey.length !== keyBytes) {
    throw new Fault('vault.key_invalid', `cannot use the master key: it has ${masterKey.length} bytes, not ${keyBytes}`)
  }
  const wrappingKey = Buffer.from(hkdfSync('sha256', masterKey, '', 'sallyport/vault/wrap/1', keyBytes))
  return {
    seal(purpose, id, clear) {
      const dataKey = randomBytes(keyBytes)
      const wrapped = encrypt(wrappingKey, dataKey, bindingOf('key', purpose, id))
      const sealed = encrypt(dataKey, Buffer.from(clear as Uint8Array), bindingOf('data', purpose, id))
      return version + Buffer.concat([wrapped, sealed]).toString('base64url')
    },
    open(purpose, id, sealed) {
      const bytes = Buffer.from(sealed.startsWith(version) ? sealed.slice(version.length) : '', 'base64url')
      try {
        const dataKey = decrypt(wrappingKey, bytes.subarray(0, wrappedBytes), bindingOf('key', purpose, id))
        return decrypt(dataKey, bytes.subarray(wrappedBytes), bindingOf('data', purpose, id))
      } catch (cause) {
        throw new Fault(
          'vault.cannot_open',
          'cannot open a sealed record: it was altered, moved, or sealed by another key',
          {
            detail: `purpose ${purpose}, id ${id}`,
            cause,
          },
        )
      }
    },
  }
}

// JSON keeps the parts apart: ["a","bc"] and ["ab","c"] differ.
function bindingOf(layer: 'key' | 'data', purpose: string, id: string): Buffer {
  return Buffer.from(JSON.stringify([layer, purpose, id]))
}

function encrypt(key: Buffer, clear: Buffer, binding: Buffer): Buffer {
  const nonce = randomBytes(nonceBytes)
  const encryption = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes }).setAAD(binding)
  const hidden = Buffer.concat([encryption.update(clear), encryption.final()])
  return Buffer.concat([nonce, hidden, encryption.getAuthTag()])
}

function decrypt(key: Buffer, bytes: Buffer, binding: Buffer): Buffer {
  if (bytes.length < nonceBytes + tagBytes) throw new RangeError('too short')
  const nonce = bytes.subarray(0, nonceBytes)
  const decryption = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes })
  decryption.setAAD(binding).setAuthTag(bytes.subarray(bytes.length - tagBytes))
  return Buffer.concat([decryption.update(bytes.subarray(nonceBytes, bytes.length - tagBytes)), decryption.final()])
}
