import { digestOf } from '../../src/base/ids.ts'
import { canonicalJson } from '../../src/base/json.ts'
import { type Entry, readEntry } from '../../src/ledger/entry.ts'
import { listLeaves } from '../../src/store/entries.ts'
import { openStore } from '../../src/store/store.ts'

/** One call that reached the upstream. */
export interface Arrival {
  tool: string
  note: string
}

/** Reads the whole ledger out of the database, past the gateway. */
export async function readLedger(place: { dataFolder: string; databaseUrl?: string | undefined }): Promise<Entry[]> {
  const store = await openStore(place)
  try {
    const entries: Entry[] = []
    for (;;) {
      const page = await listLeaves(store, entries.length, 1_000)
      if (page.length === 0) return entries
      entries.push(...page.map((leaf) => readEntry(Buffer.from(leaf))))
    }
  } finally {
    await store.close()
  }
}

type Intent = Entry & { kind: 'intent' }
type Outcome = Entry & { kind: 'outcome' }

/** A call that was to be made, and what the ledger says came of it. */
export interface Story {
  intent: Intent
  outcomes: Outcome[]
}

/** The calls of a ledger, in the order of their intents. */
export function storiesOf(entries: readonly Entry[]): Story[] {
  const outcomes = Map.groupBy(
    entries.filter((entry) => entry.kind === 'outcome'),
    (entry) => entry.callId,
  )
  return entries
    .filter((entry) => entry.kind === 'intent')
    .map((intent) => ({ intent, outcomes: outcomes.get(intent.callId) ?? [] }))
}

/** The stories of the calls with these arguments. */
export function storiesAbout(entries: readonly Entry[], note: string): Story[] {
  const digest = digestOfNote(note)
  return storiesOf(entries).filter(({ intent }) => intent.argumentsDigest === digest)
}

/** The digest by which the ledger knows a call with this note. */
export function digestOfNote(note: string): string {
  return digestOf(canonicalJson({ note }))
}

/** What an outside observer knows, to be held against the ledger. */
export interface Evidence {
  /** What reached the upstream. */
  journal: readonly Arrival[]
  entries: readonly Entry[]
  /** The notes of calls that a client saw answered with a result. */
  answered?: Iterable<string>
  /** Whether every call must have its outcome by now. */
  settled: boolean
}

/**
 * Holds the ledger against what happened. Each sentence that it returns is a broken promise:
 * what arrived has an intent, and no intent carries two calls; an intent has one outcome at the most, and one in the end;
 * what a client saw succeed is a success, what is recorded as not sent did not arrive; an approval carries one call.
 */
export function findContradictions(evidence: Evidence): string[] {
  const stories = storiesOf(evidence.entries)
  const byCall = Map.groupBy(stories, ({ intent }) => `${intent.tool} ${intent.argumentsDigest}`)
  const arrivals = Map.groupBy(evidence.journal, ({ tool, note }) => `${tool} ${digestOfNote(note)}`)
  return [
    ...[...arrivals].flatMap(([key, calls]) => judgeArrivals(calls, byCall.get(key) ?? [])),
    ...stories.flatMap((story) => judgeOutcomes(story, evidence.settled)),
    ...judgeAnswers(evidence.answered ?? [], stories),
    ...judgeApprovals(stories),
  ]
}

function judgeArrivals(calls: Arrival[], stories: Story[]): string[] {
  const what = `${calls[0]!.tool} ${calls[0]!.note}`
  const sendable = stories.filter(({ outcomes }) => outcomes[0]?.reason?.startsWith('not sent') !== true)
  if (calls.length <= sendable.length) return []
  return [`${what} arrived ${calls.length} times, and ${sendable.length} intents were to be sent`]
}

function judgeOutcomes({ intent, outcomes }: Story, settled: boolean): string[] {
  if (outcomes.length > 1) return [`the call ${intent.callId} has ${outcomes.length} outcomes`]
  return settled && outcomes.length === 0 ? [`the call ${intent.callId} has no outcome`] : []
}

function judgeAnswers(answered: Iterable<string>, stories: Story[]): string[] {
  const succeeded = stories.filter(({ outcomes }) => outcomes.some(({ status }) => status === 'success'))
  const known = new Set(succeeded.map(({ intent }) => intent.argumentsDigest))
  const unheard = [...answered].filter((note) => !known.has(digestOfNote(note)))
  return unheard.map((note) => `${note} was answered, and the ledger has no success of it`)
}

function judgeApprovals(stories: Story[]): string[] {
  const spent = Map.groupBy(
    stories.filter(({ intent }) => intent.approvalId !== undefined),
    ({ intent }) => intent.approvalId,
  )
  return [...spent].flatMap(([id, uses]) =>
    uses.length > 1 ? [`the approval ${id} was spent ${uses.length} times`] : [],
  )
}
