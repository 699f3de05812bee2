import { advanceSettled, countEntries, getSettled, listOpenIntents } from '../store/entries.ts'
import { beatInstance, deleteInstance, listInstances } from '../store/instances.ts'
import { entryVersion, type Outcome, readEntry } from './entry.ts'
import type { LedgerParts } from './parts.ts'

/** Gives calls that nobody is making any more their outcome: `unknown`, or `failure` where this process never sent them. */
export interface Recovery {
  /** Gives a sign of life, looks for those of others, and recovers the calls of the dead. */
  sweep(): Promise<void>
  /** Waits for the sweep that is under way. */
  rest(): Promise<void>
  /** Says that this process ended: once it rests, and nothing of its own is left to be written. */
  close(): Promise<void>
}

/**
 * Opens the recovery. On SQLite there is one process, so every other is dead. On PostgreSQL a process is dead when its
 * sign of life has not changed for `silenceMs` by our own monotonic clock: nobody's wall clock is trusted.
 */
export function openRecovery(parts: LedgerParts): Recovery {
  const { appender, clock, instance, log, store, times, underWay } = parts
  const seen = new Map<string, { seenAt: number; since: number }>()
  let sweeping: Promise<void> | undefined

  async function listLiving(): Promise<Set<string>> {
    const living = new Set([instance])
    for (const { id, seenAt } of await listInstances(store)) {
      if (id === instance) continue
      const known = seen.get(id)
      if (known?.seenAt !== seenAt) seen.set(id, { seenAt, since: clock.monotonic() })
      const { since } = seen.get(id)!
      if (store.kind === 'postgres' && clock.monotonic() - since < times.silenceMs) living.add(id)
      else {
        seen.delete(id)
        await deleteInstance(store, id)
      }
    }
    return living
  }

  async function sweep(): Promise<void> {
    if (store.kind === 'postgres') await beatInstance(store, instance, clock.now())
    await payOwed()
    const end = await countEntries(store)
    // Intents first, then who lives: a process says that it lives before it begins any.
    const open = await listOpenIntents(store, await getSettled(store))
    const living = await listLiving()
    const owners = new Map(open.map((intent) => [intent, instanceOf(intent.leaf) ?? '']))
    const dead = open.filter((intent) => !living.has(owners.get(intent)!))
    // Their callers were told that nothing was done, and nothing was: the ledger is to say so as well.
    const givenUp = open.filter((intent) => owners.get(intent) === instance && !underWay.has(intent.callId))
    // All at once, so that they share commits: one after the other, what a busy replica leaves behind takes minutes.
    await Promise.all([
      ...dead.map((intent) => give(intent, unheard)),
      ...givenUp.map((intent) => give(intent, notSent)),
    ])
    if (dead.length > 0) log.warn({ calls: dead.length }, 'calls of a process that ended have the outcome unknown now')
    const ended = new Set([...dead, ...givenUp])
    const alive = open.find((intent) => !ended.has(intent))
    const last = open.at(-1)
    await advanceSettled(store, alive?.seq ?? (last === undefined ? end : last.seq + 1))
    if (ended.size > 0 && alive === undefined) await sweep()
  }

  async function give({ seq, callId }: { seq: number; callId: string }, outcome: Outcome): Promise<void> {
    const entry = { v: entryVersion, kind: 'outcome', at: clock.now(), callId, intent: seq, ...outcome } as const
    await appender.append(entry, { withinMs: times.changeMs, again: true })
  }

  async function payOwed(): Promise<void> {
    const paying = parts.owed.splice(0).map((entry) =>
      appender.append(entry, { withinMs: times.recordMs, again: true }).then(
        () => underWay.delete(entry.callId),
        () => parts.owed.push(entry),
      ),
    )
    await Promise.all(paying)
  }

  return {
    sweep() {
      sweeping ??= sweep().finally(() => {
        sweeping = undefined
      })
      return sweeping
    },
    async rest() {
      await sweeping?.catch(() => undefined)
    },
    async close() {
      if (store.kind === 'postgres') await deleteInstance(store, instance)
    },
  }
}

const unheard: Outcome = { status: 'unknown', reason: 'the gateway ended before it heard of the outcome' }
const notSent: Outcome = { status: 'failure', reason: 'not sent: the intent was durable too late' }

/** An intent that cannot be read belongs to nobody who lives. */
function instanceOf(leaf: string): string | undefined {
  try {
    const entry = readEntry(Buffer.from(leaf))
    return entry.kind === 'intent' ? entry.instance : undefined
  } catch {
    return undefined
  }
}
