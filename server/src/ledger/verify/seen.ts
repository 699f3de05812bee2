import { hash } from 'node:crypto'

/**
 * Remembers which ids were seen in eight bytes each, so that millions fit: by the first 64 bits of their digest. It may
 * take a new id for a seen one (one ledger of a million entries in thirty million), never the other way round.
 */
export class Seen {
  #slots = new BigUint64Array(1_024)
  #size = 0

  /** @returns whether it was new. */
  add(id: string): boolean {
    if (this.#size * 2 > this.#slots.length) this.#grow()
    const print = hash('sha256', id, 'buffer').readBigUInt64BE() | 1n
    const slot = this.#find(print)
    if (this.#slots[slot] === print) return false
    this.#slots[slot] = print
    this.#size++
    return true
  }

  #find(print: bigint): number {
    const mask = this.#slots.length - 1
    let slot = Number(print >> 32n) & mask
    while (this.#slots[slot] !== 0n && this.#slots[slot] !== print) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new BigUint64Array(old.length * 2)
    for (const print of old) if (print !== 0n) this.#slots[this.#find(print)] = print
  }
}
