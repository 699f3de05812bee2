import { Fault } from '../../base/fault.ts'
import { canonicalJson } from '../../base/json.ts'
import type { Principal } from '../../model/principal.ts'
import { listEntitlements, revokeEntitlement } from '../../store/entitlements.ts'
import { deleteMemberships } from '../../store/memberships.ts'
import {
  findPrincipal,
  findPrincipalBySubject,
  insertPrincipal,
  updatePrincipalDisplay,
  updatePrincipalState,
} from '../../store/principals.ts'
import {
  countProvisioned,
  deleteProvisioned,
  findProvisioned,
  findProvisionedPrincipal,
  insertProvisioned,
  type Provisioned,
  replaceProvisioned,
  touchProvisioned,
  updateProvisionedEnd,
} from '../../store/provisioned.ts'
import type { Handle } from '../../store/store.ts'
import type { Person } from '../idp.ts'
import { personOf } from '../idp/person.ts'
import { disableWithin, lockAdministration, newPrincipal } from '../principals.ts'
import { endingsOnce } from './ending.ts'
import { fold, type Parts } from './match.ts'
import { type IfMatch, isMatch, Overtaken, type ScimParts, untilNotOvertaken } from './parts.ts'
import { type Provisioner, sourceOf } from './provisioner.ts'
import { notFound, refuse, refuseBy } from './refuse.ts'
import { readResource, type Resource } from './resource.ts'
import { userKind } from './schema.ts'

const peopleMax = 200_000
const because = 'the identity provider says so'

/**
 * Makes a person, or takes over the principal who signed in through this provider before, as the same subject.
 *
 * @throws {Fault} `identity.scim_refused`: `uniqueness` for a name or a subject that is provisioned already.
 */
export function createUser(parts: ScimParts, provisioner: Provisioner, body: unknown): Promise<Provisioned> {
  const { store, ledger, clock } = parts
  const { active = true, ...resource } = readResource(userKind, body)
  const person = personFor(provisioner, resource)
  const ending = endingsOnce(parts, provisioner)
  return untilNotOvertaken(async () => {
    if ((await countProvisioned(store, { provider: provisioner.id, kind: 'User' })) >= peopleMax)
      throw refuseBy(403, `cannot keep more than ${peopleMax} people of one provider`)
    const known = await findPrincipalBySubject(store, person.issuer, person.subject)
    if (known !== undefined && known.kind !== 'person') throw refuse('uniqueness', 'this subject is no person')
    if (known !== undefined && known.state !== 'disabled' && active !== true) await ending()
    const principal: Principal = known ?? { ...newPrincipal(person, clock), state: active ? 'active' : 'disabled' }
    const now = clock.now()
    const made: Provisioned = {
      ...recordOf(provisioner, resource),
      id: principal.id,
      active: active === true,
      ended: known === undefined && active !== true,
      version: 1,
      createdAt: now,
      changedAt: now,
    }
    const about = { kind: 'principal', id: principal.id } as const
    const { issuer, subject, name } = { ...principal, ...person }
    const details = { issuer, subject, name, active, known: known !== undefined, rights: [] }
    await ledger.recordChange({ by: sourceOf(provisioner), what: 'principal.joined', about, details }, async (tx) => {
      await lockAdministration(tx, clock)
      if (known === undefined && !(await insertPrincipal(tx, principal))) throw new Overtaken()
      const before = known && (await findProvisionedPrincipal(tx, principal.id))
      if (!(await insertProvisioned(tx, made)))
        throw refuse('uniqueness', 'somebody of this user name or subject is provisioned already')
      if (known === undefined) return
      // Of a life before this one nothing comes back.
      await deleteMemberships(tx, { memberId: principal.id, source: sourceOf(provisioner) })
      await settle(parts, tx, { record: made, ended: before?.ended ?? false })
      await updatePrincipalDisplay(tx, principal.id, person)
    })
    return made
  })
}

/**
 * Changes a person.
 *
 * @param change `make` gets what the provider said until now, and returns what it says now.
 * @returns the new version, or the old one when nothing is different.
 */
export function changeUser(
  parts: ScimParts,
  provisioner: Provisioner,
  change: { id: string; ifMatch: IfMatch; make: (before: Resource) => Resource },
): Promise<Provisioned> {
  const { store, ledger, clock } = parts
  const ending = endingsOnce(parts, provisioner)
  return untilNotOvertaken(async () => {
    const before = await getProvisioned(store, provisioner, { ...change, kind: 'User' })
    // What is not said of these two stays: nobody comes back because a request left `active` out.
    const subject = provisioner.subject === 'externalId' ? { externalId: before.externalId } : {}
    const { active, ...resource }: Resource = { ...subject, active: before.active, ...change.make(fullOf(before)) }
    const person = personFor(provisioner, resource)
    const principal = await findPrincipal(store, before.id)
    if (person.subject !== principal?.subject || principal.kind !== 'person') {
      throw refuse('mutability', `\`${provisioner.subject}\` says who it is: it cannot be changed`)
    }
    const next: Provisioned = {
      ...before,
      ...recordOf(provisioner, resource),
      active: active as boolean,
      version: before.version + 1,
      changedAt: clock.now(),
    }
    if (canonicalJson(fullOf(before)) === canonicalJson(fullOf(next))) return before
    const turned = before.active !== next.active
    if (turned && !next.active) await ending()
    const what = wordFor({ before, next, principal })
    const about = { kind: 'principal', id: before.id } as const
    const details = { name: person.name, active: next.active, version: next.version }
    const reason = what === 'principal.changed' ? undefined : because
    await ledger.recordChange({ by: sourceOf(provisioner), what, about, reason, details }, async (tx) => {
      if (turned) await lockAdministration(tx, clock)
      await replace(tx, next)
      if (turned) await settle(parts, tx, { record: next, ended: (await findProvisionedPrincipal(tx, next.id))!.ended })
      await updatePrincipalDisplay(tx, before.id, person)
    })
    return next
  })
}

/** Deletes a person: everything of his ends, his entitlements and memberships too. He cannot sign in any more. */
export function deleteUser(
  parts: ScimParts,
  provisioner: Provisioner,
  which: { id: string; ifMatch: IfMatch },
): Promise<void> {
  const { store, ledger, clock } = parts
  const ending = endingsOnce(parts, provisioner)
  return untilNotOvertaken(async () => {
    const before = await getProvisioned(store, provisioner, { ...which, kind: 'User' })
    await ending()
    const about = { kind: 'principal', id: before.id } as const
    const change = { by: sourceOf(provisioner), what: 'principal.deleted', about, reason: because } as const
    await ledger.recordChange(change, async (tx) => {
      const at = clock.now()
      await lockAdministration(tx, clock)
      const { ended } = (await findProvisionedPrincipal(tx, before.id))!
      if (!(await deleteProvisioned(tx, before, at))) throw new Overtaken()
      await settle(parts, tx, { record: { ...before, active: false }, ended })
      const left = await deleteMemberships(tx, { memberId: before.id })
      await touchProvisioned(tx, [...new Set(left.map(({ groupId }) => groupId))], at)
      for (const { id } of await listEntitlements(tx, { principalId: before.id, activeAt: at })) {
        await revokeEntitlement(tx, id, at)
      }
    })
  })
}

/** @throws {Fault} 404, or 412 for another version. */
export async function getProvisioned(
  handle: Handle,
  provisioner: Provisioner,
  { id, kind, ifMatch }: { id: string; kind: Provisioned['kind']; ifMatch: IfMatch },
): Promise<Provisioned> {
  const found = await findProvisioned(handle, { id, provider: provisioner.id, kind })
  if (found === undefined) throw notFound()
  if (ifMatch !== undefined && !isMatch(ifMatch, found)) throw refuseBy(412, 'it has changed: this is another version')
  return found
}

/** All that a provider said of a person. */
export function fullOf({ resource, active }: Pick<Provisioned, 'resource' | 'active'>): Resource {
  return { ...resource, active }
}

/** Replaces what is stored, or throws why not. */
export async function replace(tx: Handle, next: Provisioned): Promise<void> {
  const done = await replaceProvisioned(tx, next)
  if (done === 'overtaken') throw new Overtaken()
  if (done === 'taken') throw refuse('uniqueness', 'another one of this provider has this name')
}

/**
 * Disables the principal, or enables him again: only where the provider alone had disabled him. What an administrator or a
 * signal has ended stays ended.
 */
async function settle(
  parts: ScimParts,
  tx: Handle,
  { record, ended }: { record: Pick<Provisioned, 'id' | 'active' | 'provider'>; ended: boolean },
): Promise<void> {
  const { id, active, provider } = record
  const disabled = (await findPrincipal(tx, id))?.state === 'disabled'
  if (!active && !disabled) {
    await disableWithin(parts, tx, id).catch((error: unknown) => {
      // The provider gets 409 and may drop it: the operators must hear that somebody is still in whom it wanted out.
      if (error instanceof Fault && error.code === 'identity.last_administrator')
        parts.log.warn(
          { provider, principal: id },
          'a provider asked to disable the last administrator: nothing was done',
        )
      throw error
    })
    await updateProvisionedEnd(tx, id, true)
  } else if (active && disabled && ended) {
    await updatePrincipalState(tx, id, { state: 'active', at: parts.clock.now() })
    await updateProvisionedEnd(tx, id, false)
  } else {
    await updateProvisionedEnd(tx, id, ended && !active)
  }
}

function recordOf(
  { id }: Provisioner,
  resource: Resource,
): Pick<Provisioned, 'provider' | 'kind' | 'nameKey' | 'externalId' | 'resource'> {
  const { userName, externalId } = resource as { userName: string; externalId?: string }
  return { provider: id, kind: 'User', nameKey: fold(userName), externalId, resource }
}

/** Who this is: by the issuer of the provider and the configured attribute, never by an e-mail address. */
function personFor({ issuer, subject }: Provisioner, resource: Resource): Person {
  const {
    userName,
    displayName,
    emails = [],
  } = resource as { userName: string; displayName?: string; emails?: Parts[] }
  const { formatted, givenName, familyName } = (resource['name'] ?? {}) as Record<string, string | undefined>
  const whole = [givenName, familyName].filter(Boolean).join(' ')
  const email =
    emails.find((one) => one['primary'] === true) ?? emails.find((one) => one['type'] === 'work') ?? emails[0]
  const key = resource[subject] as string | undefined
  if (key === undefined) throw refuse('invalidValue', `\`${subject}\` is missing: it says who this is`)
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw refuse('invalidValue', `\`${subject}\` is not 1 to 255 visible ASCII characters`)
  }
  return personOf(issuer, key, { name: displayName ?? formatted ?? (whole || userName), email: email?.['value'] })
}

// What becomes of the principal: who is disabled for another reason stays so, whatever the provider says.
function wordFor(of: { before: Provisioned; next: Provisioned; principal: Principal }) {
  const { before, next, principal } = of
  const disabled = principal.state === 'disabled'
  if (before.active && !next.active && !disabled) return 'principal.disabled'
  return !before.active && next.active && disabled && before.ended ? 'principal.enabled' : 'principal.changed'
}
