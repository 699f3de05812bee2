/** One entry that is to be written. */
export interface NewEntry {
  kind: string
  at: number
  callId: string | undefined
  leaf: string
  /** An outcome that may be there already: then it is left out. */
  again: boolean
}

/** Where a batch came to stand. */
export interface Appended {
  /** Position of the first that was written; the others follow it without gaps. */
  first: number
  /** Indices in the batch of those that were left out. */
  leftOut: readonly number[]
  /** Number of the policy state that all changes before these entries made, whichever replica made them. */
  revision: number
}

/** How a store writes a batch; see `Store.append`. */
export type Append = (entries: readonly NewEntry[]) => Promise<Appended>
