import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { makeId } from '../base/ids.ts'
import type { Principal } from '../model/principal.ts'
import { readReason } from '../model/rights.ts'
import {
  findPrincipal,
  findPrincipalBySubject,
  insertPrincipal,
  listWorkloads,
  updatePrincipalOwner,
} from '../store/principals.ts'
import type { Handle, Store } from '../store/store.ts'
import { checkAdministers } from './principals.ts'
import type { IdentityLedger } from './records.ts'

/** What machines have where people have their identity provider. */
const machineIssuer = 'machine'
const listedMax = 1_000
const nameText = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * The machines: workloads that answer for calls of their own, each with a person who answers for it. How one proves that
 * it is one stands in the configuration, by its name.
 *
 * @see docs/guide/machines.md
 */
export interface Machines {
  /**
   * Makes a machine, with no rights at all.
   *
   * @param step `by` must be an administrator; `name` has 1 to 63 of a-z, 0-9 and `-`, and never changes; `title` is for
   *   people; `ownerId` is of an active person.
   * @throws {Fault} `identity.machine_refused`, `identity.not_allowed`, `model.invalid`; nothing was made then.
   */
  makeMachine(step: { by: string; name: string; title: string; ownerId: string; reason: string }): Promise<Principal>
  /** Says who answers for a machine from now on. Throws as `makeMachine`, and `identity.not_found`. */
  setMachineOwner(step: { by: string; name: string; ownerId: string; reason: string }): Promise<void>
  /** The machine of this name, disabled ones too. */
  findMachine(name: string): Promise<Principal | undefined>
  /** The machines, in the order in which they were made, at most 1,000. */
  listMachines(): Promise<Principal[]>
}

/** Opens the machines. */
export function openMachines(parts: { store: Store; ledger: IdentityLedger; clock: Clock }): Machines {
  const { store, ledger, clock } = parts
  const find = (handle: Handle, name: string) => findPrincipalBySubject(handle, machineIssuer, name)
  return {
    async makeMachine({ by, name, title, ownerId, reason: why }) {
      const reason = readReason(why)
      if (!nameText.test(name)) throw new Fault('model.invalid', 'a machine has a name of 1 to 63 of a-z, 0-9 and `-`')
      const machine: Principal = {
        id: makeId(clock),
        issuer: machineIssuer,
        subject: name,
        kind: 'workload',
        name: title,
        email: undefined,
        state: 'active',
        createdAt: clock.now(),
        ownerId,
      }
      const about = { kind: 'principal', id: machine.id } as const
      const details = { machine: name, name: title, ownerId }
      return ledger.recordChange({ by, what: 'machine.made', about, reason, details }, async (tx) => {
        await checkAdministers(tx, by, clock)
        await requireOwner(tx, ownerId)
        if (!(await insertPrincipal(tx, machine)))
          throw new Fault('identity.machine_refused', 'cannot make this machine: there is one of this name')
        return machine
      })
    },
    async setMachineOwner({ by, name, ownerId, reason: why }) {
      const reason = readReason(why)
      const machine = await find(store, name)
      if (machine === undefined) throw new Fault('identity.not_found', 'cannot find a machine of this name')
      const { id, ownerId: before } = machine
      const about = { kind: 'principal', id } as const
      const change = {
        by,
        what: 'machine.owner_set',
        about,
        reason,
        details: { machine: name, ownerId, before },
      } as const
      await ledger.recordChange(change, async (tx) => {
        await checkAdministers(tx, by, clock)
        await requireOwner(tx, ownerId)
        await updatePrincipalOwner(tx, id, ownerId)
      })
    },
    findMachine: (name) => find(store, name),
    listMachines: () => listWorkloads(store, listedMax),
  }
}

async function requireOwner(tx: Handle, id: string): Promise<void> {
  const owner = await findPrincipal(tx, id)
  if (owner?.kind === 'person' && owner.state === 'active') return
  throw new Fault('identity.machine_refused', 'a machine needs an owner: a person who is active here')
}
