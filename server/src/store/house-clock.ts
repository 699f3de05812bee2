import { sql } from 'kysely'
import type { AlarmClock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import { open } from './engine/handle.ts'
import type { Handle, Store } from './store.ts'

/** How often the database is asked for its time. */
const beatMs = 1_000

/** A clock of this machine that is further from the database's than this is worth a line in the log. */
const worthSayingMs = 5_000

/** The clock of all replicas. */
export interface HouseClock {
  readonly clock: AlarmClock
  close(): void
}

/**
 * Opens the clock that all replicas go by: the database's time, carried on by the monotonic clock of this machine.
 *
 * Promise: it resolves when the time is known, and from then on the wall clock of this machine, wrong or set while we run,
 * moves nothing. `now()` differs from the database's by no more than the quickest question of late has taken, and by what
 * the two clocks drift apart from one question to the next. On SQLite there is one process, and its machine's clock is the
 * time.
 *
 * @param parts `readTime`: how the database says what time it is; for tests, in which time passes by hand.
 * @throws {Fault} `store.unavailable` if the database does not say what time it is.
 */
export async function openHouseClock(parts: {
  store: Store
  machine: AlarmClock
  log: Pick<Log, 'warn'>
  readTime?: ((store: Store) => Promise<number>) | undefined
}): Promise<HouseClock> {
  const { store, machine, log, readTime = readDatabaseTime } = parts
  if (store.kind === 'sqlite') return { clock: machine, close: () => undefined }
  // What is to be added to the monotonic hand of this machine to get the time of the database.
  let offsetMs: number | undefined
  let saidWrong = false
  let asking = false

  async function learn(): Promise<void> {
    const askedAt = machine.monotonic()
    const time = await readTime(store)
    // The database looked at its clock between question and answer. What was known before stays if that can be: so a slow
    // answer makes the time no worse, and it does not waver.
    const [least, most] = [time - machine.monotonic(), time - askedAt]
    offsetMs = offsetMs === undefined ? (least + most) / 2 : Math.min(most, Math.max(least, offsetMs))
    sayWhetherWrong()
  }

  const now = (): number => Math.floor(machine.monotonic() + offsetMs!)

  function sayWhetherWrong(): void {
    const aheadMs = machine.now() - now()
    const wrong = Math.abs(aheadMs) > worthSayingMs
    if (wrong && !saidWrong) {
      log.warn(
        { aheadSeconds: Math.round(aheadMs / 1_000) },
        'the clock of this machine is not that of the database: set it',
      )
    }
    saidWrong = wrong
  }

  await learn()
  const timer = setInterval(() => {
    if (asking) return
    asking = true
    // Without an answer the monotonic hand carries on; who hears nothing for its lease does not serve.
    learn()
      .catch(() => undefined)
      .finally(() => (asking = false))
  }, beatMs)
  timer.unref()
  return {
    clock: { now, monotonic: () => machine.monotonic(), alarm: (...given) => machine.alarm(...given) },
    close: () => clearInterval(timer),
  }
}

/**
 * What time it is for the database, in epoch milliseconds.
 *
 * @throws {Fault} `store.unavailable`
 */
export async function readDatabaseTime(handle: Handle): Promise<number> {
  const { rows } = await sql<{ now: number }>`
    select (extract(epoch from clock_timestamp()) * 1000)::float8 as now
  `.execute(open(handle))
  const now = rows[0]?.now
  if (typeof now === 'number' && Number.isFinite(now)) return now
  throw new Fault('store.unavailable', 'the database does not say what time it is')
}
