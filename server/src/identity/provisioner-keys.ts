import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { digestOf, makeSecret } from '../base/ids.ts'
import { readReason } from '../model/rights.ts'
import {
  findActiveProvisionerKey,
  insertProvisionerKey,
  listActiveProvisionerKeys,
  type ProvisionerKey,
  revokeProvisionerKey,
} from '../store/provisioner-keys.ts'
import type { Store } from '../store/store.ts'
import { checkAdministers, lockAdministration } from './principals.ts'
import type { IdentityLedger } from './records.ts'
import type { Provisioner } from './scim/provisioner.ts'

const daySeconds = 24 * 60 * 60
const daysMax = 400
const keysMax = 3
const prefix = 'sps_'

/** The keys by which identity providers provision their people. */
export interface ProvisionerKeys {
  /** The identity providers that may have keys: those whose configuration says how they provision. */
  readonly provisioners: readonly Provisioner[]
  /**
   * Makes a key for one provider; it is shown once and stored as a digest. To rotate, make a second one, give it to the
   * provider, and revoke the first.
   *
   * @param given `by` must be an administrator; `expiresInDays`: 1 to 400.
   * @throws {Fault} `identity.not_allowed`, `identity.not_found` for a provider that does not provision,
   *   `identity.input_invalid` for other times or labels, or if it has three keys already.
   */
  makeProvisionerKey(given: {
    by: string
    provider: string
    label: string
    expiresInDays: number
  }): Promise<{ key: string; expiresAt: number }>
  /** Revokes a key at once. Throws `identity.not_allowed`, `identity.not_found`. */
  revokeProvisionerKey(step: { by: string; id: string; reason: string }): Promise<void>
  /** The keys that last, oldest first. */
  listProvisionerKeys(): Promise<ProvisionerKey[]>
}

/** For the door of this room only. */
export interface ProvisionerDesk {
  /** Whose key it is, if it lasts and the provider still provisions. */
  whoseKey(authorization: string | undefined): Promise<Provisioner | undefined>
}

/** Opens the keys. */
export function openProvisionerKeys(parts: {
  store: Store
  ledger: IdentityLedger
  clock: Clock
  provisioners: readonly Provisioner[]
}): { keys: ProvisionerKeys; desk: ProvisionerDesk } {
  const { store, ledger, clock, provisioners } = parts
  const keys: ProvisionerKeys = {
    provisioners,
    async makeProvisionerKey({ by, provider, label, expiresInDays }) {
      if (!provisioners.some(({ id }) => id === provider))
        throw new Fault('identity.not_found', `the configuration does not say that \`${provider}\` provisions`)
      if (!Number.isInteger(expiresInDays) || expiresInDays < 1 || expiresInDays > daysMax)
        throw new Fault('identity.input_invalid', `cannot make this key: it must last 1 to ${daysMax} days`)
      const named = label.trim()
      if (named.length < 1 || named.length > 100)
        throw new Fault('identity.input_invalid', 'cannot make this key: its label must have 1 to 100 characters')
      const key = prefix + makeSecret()
      const now = clock.now()
      const expiresAt = now + expiresInDays * daySeconds * 1_000
      const id = digestOf(key)
      const about = { kind: 'setting', id: `provisioning:${provider}` } as const
      const details = { key: id, provider, label: named, expiresAt }
      await ledger.recordChange({ by, what: 'provisioner_key.made', about, details }, async (tx) => {
        await lockAdministration(tx, clock)
        await checkAdministers(tx, by, clock)
        const others = (await listActiveProvisionerKeys(tx, now)).filter((one) => one.provider === provider)
        if (others.length >= keysMax)
          throw new Fault('identity.input_invalid', `cannot make this key: there are ${keysMax}; revoke one first`)
        const stored = { id, provider, label: named, createdBy: by, createdAt: now, expiresAt }
        await insertProvisionerKey(tx, { ...stored, revokedAt: undefined })
      })
      return { key, expiresAt }
    },
    async revokeProvisionerKey({ by, id, reason }) {
      const now = clock.now()
      const found = await findActiveProvisionerKey(store, id, now)
      const about = { kind: 'setting', id: `provisioning:${found?.provider ?? ''}` } as const
      const change = { by, what: 'provisioner_key.revoked', about, reason: readReason(reason) } as const
      await ledger.recordChange({ ...change, details: { key: id } }, async (tx) => {
        await checkAdministers(tx, by, clock)
        if (found === undefined || !(await revokeProvisionerKey(tx, id, now)))
          throw new Fault('identity.not_found', 'there is no such key, or it has ended')
      })
    },
    listProvisionerKeys: () => listActiveProvisionerKeys(store, clock.now()),
  }
  const desk: ProvisionerDesk = {
    async whoseKey(authorization) {
      const key = /^Bearer +(sps_[\w-]{43})$/i.exec(authorization ?? '')?.[1]
      if (key === undefined) return undefined
      // Looked up by its digest: how long that takes says nothing about the key.
      const found = await findActiveProvisionerKey(store, digestOf(key), clock.now())
      return found && provisioners.find(({ id }) => id === found.provider)
    },
  }
  return { keys, desk }
}
