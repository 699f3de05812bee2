/** Why a ledger does not hold: a closed set. */
export type ProblemCode =
  /** A file that the checkpoint calls for is not there. */
  | 'file.missing'
  /** A file has not the form that it must have. */
  | 'file.malformed'
  /** An entry, or one of several, is not what was signed. */
  | 'entry.changed'
  /** An entry was signed, but is not an entry of this format. */
  | 'entry.malformed'
  /** The entries are those that were signed, but a tile of hashes is not. */
  | 'tile.changed'
  | 'checkpoint.unsigned'
  | 'checkpoint.other_origin'
  | 'checkpoint.out_of_order'
  /** Two checkpoints of one size with different roots: the log told two stories. */
  | 'checkpoint.conflict'
  /** The ledger is shorter than a checkpoint of it that is known. */
  | 'known.rolled_back'
  /** The ledger does not continue a checkpoint of it that is known. */
  | 'known.forked'
  | 'known.unsigned'
  | 'known.other_origin'
  | 'call.duplicate'
  | 'outcome.without_intent'
  | 'approval.reused'

/** The first thing that does not hold. */
export interface Problem {
  code: ProblemCode
  /** A sentence for a person. */
  message: string
  /** Position of the first entry that does not hold, or may not. */
  entry?: number
  /** Last position that may be concerned, where it cannot be told closer. */
  upTo?: number
  /** The file, relative to the export. */
  file?: string
}

/** What the verifier noticed and does not count as failure. */
export interface Remark {
  code: 'keys.not_pinned' | 'time.backwards' | 'calls.open'
  message: string
  entry?: number
}

/** Ends a verification: caught by `verifyLedger`, which answers with the problem. */
export class Unsound extends Error {
  override readonly name = 'Unsound'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.message)
    this.problem = problem
  }
}
