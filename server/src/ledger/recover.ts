import { advanceSettled, countEntries, getSettled, listOpenIntents } from '../store/entries.ts'
import { beatInstance, deleteInstance, listInstances } from '../store/instances.ts'
import { entryVersion, readEntry } from './entry.ts'
import type { LedgerParts } from './parts.ts'

/** Gives calls that nobody is making any more their outcome: `unknown`. */
export interface Recovery {
  /** Gives a sign of life, looks for those of others, and recovers the calls of the dead. */
  sweep(): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the recovery. On SQLite there is one process, so every other is dead. On PostgreSQL a process is dead when its
 * sign of life has not changed for `silenceMs` by our own monotonic clock: nobody's wall clock is trusted.
 */
export function openRecovery(parts: LedgerParts): Recovery {
  const { appender, clock, instance, log, store, times } = parts
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
    const dead = open.filter(({ leaf }) => !living.has(instanceOf(leaf) ?? ''))
    for (const { seq, callId } of dead) {
      const told = { status: 'unknown', reason: 'the gateway ended before it heard of the outcome' } as const
      const entry = { v: entryVersion, kind: 'outcome', at: clock.now(), callId, intent: seq, ...told } as const
      await appender.append(entry, { withinMs: times.changeMs, again: true })
    }
    if (dead.length > 0) log.warn({ calls: dead.length }, 'calls of a process that ended have the outcome unknown now')
    const alive = open.find((intent) => !dead.includes(intent))
    const last = open.at(-1)
    await advanceSettled(store, alive?.seq ?? (last === undefined ? end : last.seq + 1))
    if (dead.length > 0 && alive === undefined) await sweep()
  }

  async function payOwed(): Promise<void> {
    for (const entry of parts.owed.splice(0)) {
      await appender.append(entry, { withinMs: times.recordMs, again: true }).catch(() => parts.owed.push(entry))
    }
  }

  return {
    sweep() {
      sweeping ??= sweep().finally(() => {
        sweeping = undefined
      })
      return sweeping
    },
    async close() {
      await sweeping?.catch(() => undefined)
      if (store.kind === 'postgres') await deleteInstance(store, instance)
    },
  }
}

/** An intent that cannot be read belongs to nobody who lives. */
function instanceOf(leaf: string): string | undefined {
  try {
    const entry = readEntry(Buffer.from(leaf))
    return entry.kind === 'intent' ? entry.instance : undefined
  } catch {
    return undefined
  }
}
