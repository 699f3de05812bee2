import { isSignedBy, readKey, type NoteKey, type SignedCheckpoint } from '../checkpoint.ts'
import type { Entry } from '../entry.ts'
import { Unsound } from './problem.ts'

/**
 * Which keys a ledger's checkpoints may be signed by. A key that an entry announces counts as soon as a checkpoint over
 * that entry is signed by a key that counts: rotation needs no new pin.
 */
export class Trust {
  readonly origin: string
  readonly #keys: NoteKey[]
  #announced: { at: number; key: NoteKey }[] = []

  constructor(origin: string, keys: readonly NoteKey[]) {
    this.origin = origin
    this.#keys = [...keys]
  }

  hear(entry: Entry, position: number): void {
    if (entry.kind !== 'change' || entry.what !== 'key.rotated') return
    const line = entry.details?.['key']
    if (typeof line !== 'string') return
    try {
      this.#announced.push({ at: position, key: readKey(line) })
    } catch {
      // An announcement that cannot be read announces nothing: what such a key signs is unsigned.
    }
  }

  /** A checkpoint over these entries was signed and holds. */
  confirm(size: number): void {
    const heard = this.#announced.filter(({ at }) => at < size)
    if (heard.length === 0) return
    this.#keys.push(...heard.map(({ key }) => key))
    this.#announced = this.#announced.filter(({ at }) => at >= size)
  }

  checkOrigin(head: SignedCheckpoint, from: 'checkpoint' | 'known'): void {
    if (head.origin !== this.origin) {
      const message = `the ${name(from)} of ${head.size} entries is of \`${head.origin}\`, this ledger is \`${this.origin}\``
      throw new Unsound({ code: `${from}.other_origin`, message })
    }
  }

  check(head: SignedCheckpoint, from: 'checkpoint' | 'known'): void {
    this.checkOrigin(head, from)
    if (!this.#keys.some((key) => key.name === this.origin && isSignedBy(head, key))) {
      const message = `the ${name(from)} of ${head.size} entries has no valid signature of a key of this ledger`
      throw new Unsound({ code: `${from}.unsigned`, message })
    }
  }
}

function name(from: 'checkpoint' | 'known'): string {
  return from === 'known' ? 'known checkpoint' : 'checkpoint'
}
