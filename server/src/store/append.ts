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

const linesEach = 5

/**
 * Writes a batch as one text, which goes where a list would cost more.
 *
 * @throws {TypeError} for a leaf with a line break: canonical JSON has none.
 */
export function writeLines(entries: readonly NewEntry[]): string {
  let text = ''
  for (const { kind, at, callId, leaf, again } of entries) {
    if (leaf.includes('\n')) throw new TypeError('a leaf is one line')
    text += `${kind}\n${at}\n${callId ?? ''}\n${again ? 'again' : ''}\n${leaf}\n`
  }
  return text
}

/** Reads what `writeLines` wrote. */
export function readLines(text: string): NewEntry[] {
  const lines = text.split('\n')
  const entries: NewEntry[] = []
  for (let i = 0; i + linesEach < lines.length; i += linesEach) {
    const [kind, at, callId, again, leaf] = lines.slice(i, i + linesEach) as [string, string, string, string, string]
    entries.push({ kind, at: Number(at), callId: callId === '' ? undefined : callId, leaf, again: again !== '' })
  }
  return entries
}
