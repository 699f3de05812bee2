import { Receipt } from '../../ledger/intent.ts'

// The type demands a receipt; this demands that it is genuine and that each one carries one call.

export class ReceiptBook {
  readonly #used = new WeakSet<Receipt>()

  use(receipt: Receipt): void {
    if (!(receipt instanceof Receipt)) throw new TypeError('a call needs a receipt of the ledger')
    if (this.#used.has(receipt)) throw new TypeError('a receipt is good for one call')
    this.#used.add(receipt)
  }
}
