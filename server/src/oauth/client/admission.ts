import type { Config } from '../../base/config.ts'
import { Fault } from '../../base/fault.ts'
import type { ChangeKind } from '../../ledger/entry.ts'
import { readReason } from '../../model/rights.ts'
import {
  countAskedClients,
  findStoredClient,
  type StoredClient,
  updateClient,
  upsertClient,
} from '../../store/clients.ts'
import { findPrincipal } from '../../store/principals.ts'
import type { Handle, Store } from '../../store/store.ts'
import type { Grants } from '../grants.ts'
import type { Recorder } from '../ports.ts'

/** Which clients may be used before an administrator has admitted them: all, none, or only ever those of the configuration. */
export type AdmissionMode = Config['clients']['admission']

/** A step that an administrator takes with a client. */
export interface ClientStep {
  by: string
  id: string
  reason: string
}

interface AdmissionParts {
  store: Store
  recorder: Recorder
  grants: Grants
  mode: AdmissionMode
}

// Who asks for many fills the list of those who have to look at them.
const askedMax = 20

/** Where a client stands by the mode: what is stored is what an administrator said, and that it came. */
export function standingOf(
  client: Pick<StoredClient, 'source' | 'state' | 'ownerId'>,
  mode: AdmissionMode,
): StoredClient['state'] {
  if (client.state !== 'active' || client.source === 'configuration' || mode === 'open') return client.state
  if (mode === 'preregistered') return 'refused'
  return client.ownerId === undefined ? 'waiting' : 'active'
}

/** What people ask of administrators, and what these decide: which clients may be used, and who answers for each. */
export class Admission {
  readonly #parts: AdmissionParts

  constructor(parts: AdmissionParts) {
    this.#parts = parts
  }

  /**
   * Puts a client before the administrators. Who asks for one that was asked for already changes nothing.
   *
   * @throws {Fault} `oauth.too_many` for a principal who has asked for 20 that nobody has answered for.
   */
  async ask(by: string, client: StoredClient): Promise<void> {
    const { store } = this.#parts
    const known = await findStoredClient(store, client.id)
    if (known?.askedBy !== undefined) return
    await this.#record({ by, what: 'client.asked', client: known ?? client }, async (tx) => {
      if ((await countAskedClients(tx, by)) >= askedMax) {
        throw new Fault('oauth.too_many', `you have asked for ${askedMax} programs that nobody has answered for yet`)
      }
      if (known === undefined) await upsertClient(tx, client)
      await this.#update(tx, client.id, { askedBy: by })
    })
  }

  /**
   * Admits a client: from now on it may be used, and its owner answers for it.
   *
   * @throws {Fault} `oauth.client_unknown`; `oauth.bad_step` if it is admitted already or was revoked, if the owner cannot
   *   sign in, or where only clients of the configuration may be used.
   */
  async admit({ by, id, reason, ownerId }: ClientStep & { ownerId: string }): Promise<void> {
    const client = await this.#get(id)
    if (this.#parts.mode === 'preregistered' || client.source === 'configuration') {
      throw badStep('the configuration alone says whether it may be used')
    }
    if (client.ownerId !== undefined) throw badStep('it is admitted already')
    await this.#record({ by, what: 'client.admitted', client, reason, more: { ownerId } }, async (tx) => {
      await requireOwner(tx, ownerId)
      await this.#update(tx, id, { ownerId, state: 'active' })
    })
  }

  /**
   * Refuses a client, admitted or not: all grants to it end. It can be admitted later.
   *
   * @throws {Fault} `oauth.client_unknown`; `oauth.bad_step` if it is refused already, was revoked, or is of the configuration.
   */
  async refuse({ by, id, reason }: ClientStep): Promise<void> {
    const client = await this.#get(id)
    if (client.source === 'configuration') throw badStep('the configuration alone says whether it may be used')
    if (client.state === 'refused') throw badStep('it is refused already')
    await this.#record({ by, what: 'client.refused', client, reason }, async (tx) => {
      await this.#update(tx, id, { ownerId: null, state: 'refused' })
      await this.#parts.grants.revokeWithin(tx, { clientId: id }, `the client was refused: ${reason}`)
    })
  }

  /**
   * Gives an admitted client to another owner.
   *
   * @throws {Fault} `oauth.client_unknown`; `oauth.bad_step` if it is not admitted, or the owner cannot sign in.
   */
  async setOwner({ by, id, reason, ownerId }: ClientStep & { ownerId: string }): Promise<void> {
    const client = await this.#get(id)
    if (client.ownerId === undefined && client.source !== 'configuration') throw badStep('it is not admitted')
    await this.#record({ by, what: 'client.owner_set', client, reason, more: { ownerId } }, async (tx) => {
      await requireOwner(tx, ownerId)
      await this.#update(tx, id, { ownerId })
    })
  }

  async #get(id: string): Promise<StoredClient> {
    const client = await findStoredClient(this.#parts.store, id)
    if (client === undefined) throw new Fault('oauth.client_unknown', 'there is no client of this id')
    if (client.state === 'revoked') throw badStep('it was revoked, which is final')
    return client
  }

  async #update(tx: Handle, ...to: [id: string, to: Parameters<typeof updateClient>[2]]): Promise<void> {
    if (!(await updateClient(tx, ...to))) throw badStep('somebody has just revoked it')
  }

  async #record(
    step: {
      by: string
      what: ChangeKind
      client: StoredClient
      reason?: string
      more?: Record<string, unknown>
    },
    work: (tx: Handle) => Promise<void>,
  ): Promise<void> {
    const { by, what, client, more } = step
    const reason = step.reason === undefined ? undefined : readReason(step.reason)
    const details = { name: client.name, source: client.source, ...more }
    await this.#parts.recorder.recordChange(
      { by, what, about: { kind: 'client', id: client.id }, reason, details },
      work,
    )
  }
}

async function requireOwner(tx: Handle, ownerId: string): Promise<void> {
  const owner = await findPrincipal(tx, ownerId)
  if (owner?.state !== 'active') throw badStep('its owner must be somebody who can sign in')
}

function badStep(why: string): Fault {
  return new Fault('oauth.bad_step', `cannot do this with the client: ${why}`)
}
