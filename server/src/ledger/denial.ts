import { type Denial, entryVersion, type Login } from './entry.ts'
import type { LedgerParts } from './parts.ts'

/**
 * Records a call that was refused.
 *
 * @throws {Fault} `ledger.unavailable`. The caller is refused all the same.
 */
export async function recordDenial({ appender, clock, times }: LedgerParts, denial: Denial): Promise<void> {
  const entry = { ...denial, v: entryVersion, kind: 'denial', at: clock.now() } as const
  await appender.append(entry, { withinMs: times.recordMs })
}

/**
 * Records that somebody signed in, or tried to.
 *
 * @throws {Fault} `ledger.unavailable`. Nobody is to be signed in then.
 */
export async function recordLogin({ appender, clock, times }: LedgerParts, login: Login): Promise<void> {
  const entry = { ...login, v: entryVersion, kind: 'login', at: clock.now() } as const
  await appender.append(entry, { withinMs: times.recordMs })
}
