import type { Entry } from '../ledger/entry.ts'
import type { ControlRooms } from './rooms.ts'

/** A change as the ledger tells it. */
export type ChangeEntry = Extract<Entry, { kind: 'change' }>

/** So many changes are looked through for those of one upstream: its lifecycle is short, the rest is in the ledger. */
export const historyReach = 1_000

/** The changes of one upstream and its tools among the last `historyReach`, newest first, at most `limit`. */
export async function listHistory(
  { ledger }: Pick<ControlRooms, 'ledger'>,
  upstream: string,
  limit: number,
): Promise<{ seq: number; entry: ChangeEntry }[]> {
  const found: { seq: number; entry: ChangeEntry }[] = []
  let before: number | undefined
  for (let seen = 0; seen < historyReach && found.length < limit;) {
    const page = await ledger.listEntries({ kinds: ['change'], limit: 200, before })
    for (const { seq, entry } of page) {
      if (entry.kind === 'change' && concerns(entry, upstream)) found.push({ seq, entry })
    }
    if (page.length < 200) break
    seen += page.length
    before = page.at(-1)!.seq
  }
  return found.slice(0, limit)
}

function concerns({ about }: ChangeEntry, upstream: string): boolean {
  const kinds = ['upstream', 'tool', 'connection']
  return kinds.includes(about.kind) && (about.id === upstream || (about.id?.startsWith(`${upstream}/`) ?? false))
}
