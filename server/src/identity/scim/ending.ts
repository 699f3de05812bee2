import { Fault } from '../../base/fault.ts'
import { digestOf } from '../../base/ids.ts'
import { takePoint } from '../../store/rates.ts'
import type { ScimParts } from './parts.ts'
import { type Provisioner, sourceOf } from './provisioner.ts'

const seconds = 60 * 60

/**
 * Takes one of what a provider may delete and deactivate in an hour, before it is done: whoever has its key, or makes a
 * mistake with it, does not end everything at once.
 *
 * The first one that is refused in an hour is recorded, all are logged.
 *
 * @throws {Fault} `identity.too_many`; nothing was changed.
 */
export async function takeEnding(parts: ScimParts, provisioner: Provisioner): Promise<void> {
  const { store, clock, log, ledger } = parts
  const { id: provider, endingsPerHour: points } = provisioner
  const of = { key: digestOf(provider), now: clock.now() }
  const waitMs = await takePoint(store, { name: 'scim.deletes', points, seconds }, of)
  if (waitMs === undefined) return
  const wait = Math.max(1, Math.ceil(waitMs / 1_000))
  log.warn({ provider, perHour: points }, 'a provider asked to delete or deactivate more than it may in an hour')
  // Told before the window is over, for as long as the window lasts.
  const told = { name: 'scim.deletes_told', points: 1, seconds: wait }
  if ((await takePoint(store, told, of)) === undefined) {
    const about = { kind: 'setting', id: `provisioning:${provider}` } as const
    const details = { perHour: points }
    const change = { by: sourceOf(provisioner), what: 'provisioning.limited', about, details } as const
    await ledger.recordChange(change, async () => undefined)
  }
  throw new Fault(
    'identity.too_many',
    `cannot delete or deactivate more than ${points} in an hour: try again in ${wait} s`,
    { data: { seconds: wait } },
  )
}

/** The same, taken once however often a step is done again because others were faster. */
export function endingOnce(parts: ScimParts, provisioner: Provisioner): () => Promise<void> {
  let taken: Promise<void> | undefined
  return () => (taken ??= takeEnding(parts, provisioner))
}
