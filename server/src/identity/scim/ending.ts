import { Fault } from '../../base/fault.ts'
import { digestOf } from '../../base/ids.ts'
import { takePoint } from '../../store/rates.ts'
import type { ScimParts } from './parts.ts'
import { type Provisioner, sourceOf } from './provisioner.ts'

const seconds = 60 * 60

/**
 * Takes so many of what a provider may end in an hour, before it is done: whoever has its key, or makes a mistake with it,
 * does not end everything at once. One is a person or a group that is deleted or deactivated, or a membership that ends.
 *
 * The first that is refused in an hour is recorded, all are logged.
 *
 * @throws {Fault} `identity.too_many`; nothing was changed, and what is left of the hour's can still be taken.
 */
async function takeEndings(parts: ScimParts, provisioner: Provisioner, count: number): Promise<void> {
  const { store, clock, log, ledger } = parts
  const { id: provider, endingsPerHour: points } = provisioner
  const of = { key: digestOf(provider), now: clock.now() }
  const waitMs = await takePoint(store, { name: 'scim.deletes', points, seconds }, { ...of, count })
  if (waitMs === undefined) return
  const wait = Math.max(1, Math.ceil(waitMs / 1_000))
  log.warn({ provider, count, perHour: points }, 'a provider asked to end more than it may in an hour')
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
    `cannot delete, deactivate or take out of groups more than ${points} in an hour: try again in ${wait} s`,
    { data: { seconds: wait } },
  )
}

/** The same, taken once however often a step is done again because others were faster. */
export function endingsOnce(parts: ScimParts, provisioner: Provisioner): (count?: number) => Promise<void> {
  let taken = 0
  return async (count = 1) => {
    if (count > taken) await takeEndings(parts, provisioner, count - taken)
    taken = Math.max(taken, count)
  }
}
