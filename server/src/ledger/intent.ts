import type { Handle } from '../store/store.ts'
import { asUnavailable } from './append.ts'
import { entryVersion, type Intent } from './entry.ts'
import type { LedgerParts } from './parts.ts'

const made = Symbol('made here')

/**
 * The proof that an intent is durable: only `recordIntent` makes one, and whoever sends to an upstream demands it.
 */
export class Receipt {
  #used = false
  #taken = false
  readonly callId: string
  /** Position of the intent in the ledger. */
  readonly seq: number
  /** Instant of the intent, epoch milliseconds. */
  readonly at: number
  /**
   * Number of the policy state at the intent: of all changes that come before it in the ledger, whichever replica made
   * them. Who decided at an earlier state must decide once more.
   */
  readonly revision: number

  /** For `recordIntent` alone: whoever else calls it throws. */
  constructor(
    key: typeof made,
    { callId, seq, at, revision }: { callId: string; seq: number; at: number; revision: number },
  ) {
    if (key !== made) throw new TypeError('only the ledger makes receipts')
    this.callId = callId
    this.seq = seq
    this.at = at
    this.revision = revision
  }

  /**
   * Uses the receipt for its call, once.
   *
   * @throws {TypeError} for what is no receipt of the ledger, and for a receipt that was used: by whichever upstream.
   */
  static use(value: Receipt): void {
    if (!(#used in value)) throw new TypeError('a call needs a receipt of the ledger')
    if (value.#used) throw new TypeError('a receipt is good for one call')
    value.#used = true
  }

  /**
   * Takes the receipt for its outcome, once.
   *
   * @throws {TypeError} for what is no receipt of the ledger, and for a receipt that was taken.
   */
  static take(value: Receipt): void {
    if (!(#taken in value)) throw new TypeError('not a receipt of the ledger')
    if (value.#taken) throw new TypeError('the outcome of this call is recorded already')
    value.#taken = true
  }
}

/**
 * Records that a call is about to be made, before it is made; see `Ledger.recordIntent`, which is this.
 *
 * @throws {Fault} `ledger.unavailable`; whatever `alongside` throws as a fault.
 * @see spec/ledger.md, "Intent before effect"
 */
export async function recordIntent(
  { appender, clock, instance, times, underWay }: LedgerParts,
  intent: Intent,
  alongside?: (tx: Handle) => Promise<void>,
): Promise<Receipt> {
  const { callId } = intent
  const at = clock.now()
  const entry = { ...intent, v: entryVersion, kind: 'intent', at, instance } as const
  const withinMs = times.recordMs
  underWay.add(callId)
  try {
    const appended =
      alongside === undefined
        ? await appender.append(entry, { withinMs })
        : await appender.appendWith(entry, { work: alongside }, { withinMs })
    return new Receipt(made, { callId, seq: appended!.seq, at, revision: appended!.revision })
  } catch (error) {
    // Nothing was done, and nothing will be. Should the intent become durable all the same, recovery says so.
    underWay.delete(callId)
    throw asUnavailable(error)
  }
}
