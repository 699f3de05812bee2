import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { makeId } from '../base/ids.ts'
import type { Principal } from '../model/principal.ts'
import { readReason } from '../model/rights.ts'
import { endLinksBy } from '../store/one-time-links.ts'
import { revokeOperatorKeysOf } from '../store/operator-keys.ts'
import {
  findPrincipal,
  findPrincipalBySubject,
  insertPrincipal,
  listAdministratorIds,
  listPrincipals,
  fulfilSignIn,
  updatePrincipalDisplay,
  updatePrincipalState,
} from '../store/principals.ts'
import { findProvisionedPrincipal, updateProvisionedEnd } from '../store/provisioned.ts'
import { updateSetting } from '../store/settings.ts'
import { deleteSignInsOf } from '../store/sign-ins.ts'
import type { Handle, Store } from '../store/store.ts'
import type { Person } from './idp.ts'
import { personOf } from './idp/person.ts'
import { type Begun, checkNotVoid, isVoid, type Standing, standsWithin } from './login/void.ts'
import type { IdentityLedger } from './records.ts'
import type { Provisioner } from './scim/provisioner.ts'

/**
 * What else must end when a principal is disabled, or gets his account back: grants, approvals. Runs within the transaction
 * that does it.
 *
 * @param because kept with each grant; absent: he was disabled.
 */
export type OnDisable = (tx: Handle, principalId: string, because?: string) => Promise<void>

/** Who answers for calls. */
export interface Principals {
  /** The principal of this id, disabled ones too. */
  findPrincipal(id: string): Promise<Principal | undefined>
  /** The principals in the order in which they came, after the id `after`; at most `limit`, by default 100. */
  listPrincipals(page?: { after?: string; limit?: number }): Promise<Principal[]>
  /**
   * Disables a principal.
   *
   * Promise: when it resolves, his sign-ins, operator keys and open invitations have ended, and what `onDisable` ends, all
   * in the transaction that records it.
   *
   * @param step `by` must be an administrator, `set-up` or `system`; `reason` has 3 to 500 characters.
   * @throws {Fault} `identity.not_allowed`, `identity.not_found`, or `identity.last_administrator` if nobody could
   *   administer afterwards; nothing was changed then.
   */
  disablePrincipal(step: { by: string; id: string; reason: string }): Promise<void>
  /**
   * Enables a principal again: he may sign in and has what entitlements he had; grants and keys stay revoked. Or lets
   * somebody off who must sign in anew, if an administrator does it.
   *
   * @throws {Fault} as above; `identity.provisioned` if his identity provider says that he is not active.
   */
  enablePrincipal(step: { by: string; id: string; reason: string }): Promise<void>
  /**
   * The principal of a person whom an identity provider describes by verified claims; see `admitPerson`.
   *
   * @throws {Fault} `identity.disabled`
   * @throws {TypeError} if `sub` is not 1 to 255 visible ASCII characters.
   */
  admitClaims(issuer: string, claims: Readonly<Record<string, unknown>>): Promise<Principal>
  /**
   * Whether something may still be given to a principal who was let in before: he is active, the sign-in by which he asked
   * has not ended, and what a provider vouched for was not made void since.
   *
   * @param tx The transaction of the change that gives it: every withdrawal is in force before it, or finds what it gave.
   */
  standsWithin(tx: Handle, of: Standing): Promise<boolean>
}

interface PrincipalParts {
  store: Store
  ledger: IdentityLedger
  clock: Clock
  onDisable: OnDisable[]
  /** The identity providers that provision their people. */
  provisioners: readonly Provisioner[]
}

/** Opens the principals. */
export function openPrincipals(parts: PrincipalParts): Principals {
  const { store, ledger, clock } = parts

  async function disableByHand(tx: Handle, id: string): Promise<void> {
    if (await disableWithin(parts, tx, id)) return
    // The identity provider was first: from now on it is not for it alone to let him back in.
    if (!(await findProvisionedPrincipal(tx, id))?.ended) throw notToChange(id, 'disabled')
    await updateProvisionedEnd(tx, id, false)
  }

  async function enableByHand(tx: Handle, { by, id }: { by: string; id: string }): Promise<void> {
    const provisioned = await findProvisionedPrincipal(tx, id)
    if (
      provisioned !== undefined &&
      !provisioned.active &&
      parts.provisioners.some(({ id: one }) => one === provisioned.provider)
    ) {
      throw new Fault(
        'identity.provisioned',
        `cannot enable this principal: the identity provider \`${provisioned.provider}\` has disabled him, and only it can take that back`,
      )
    }
    // Who must sign in anew may be let off by an administrator, and by nobody else.
    const lets = by !== 'system' && by !== 'set-up'
    const changed =
      (await updatePrincipalState(tx, id, { state: 'active', at: clock.now() })) ||
      (lets && (await fulfilSignIn(tx, id, Number.MAX_SAFE_INTEGER)))
    if (!changed) throw notToChange(id, 'enabled')
    await updateProvisionedEnd(tx, id, false)
  }

  async function step(what: 'disabled' | 'enabled', given: { by: string; id: string; reason: string }): Promise<void> {
    const reason = readReason(given.reason)
    const about = { kind: 'principal', id: given.id } as const
    await ledger.recordChange({ by: given.by, what: `principal.${what}`, about, reason }, async (tx) => {
      await lockAdministration(tx, clock)
      await checkAdministers(tx, given.by, clock)
      if ((await findPrincipal(tx, given.id))?.kind === 'group')
        throw new Fault('identity.not_found', 'a group is retired, not disabled')
      if (what === 'disabled') await disableByHand(tx, given.id)
      else await enableByHand(tx, given)
    })
  }

  return {
    findPrincipal: (id) => findPrincipal(store, id),
    listPrincipals: (page = {}) =>
      listPrincipals(store, { after: page.after, limit: Math.min(page.limit ?? 100, 1_000) }),
    disablePrincipal: (given) => step('disabled', given),
    enablePrincipal: (given) => step('enabled', given),
    standsWithin: (tx, of) => standsWithin(tx, { ...of, now: clock.now() }),
    // Who vouches for a client does not say that the person has just signed in.
    async admitClaims(issuer, claims) {
      const person = personOf(issuer, claims[keyClaimOf(parts, issuer)], claims)
      const known = await findPrincipalBySubject(store, issuer, person.subject)
      const at = typeof claims['iat'] === 'number' ? claims['iat'] * 1_000 : 0
      if (await isVoid(store, person, at)) throw vouchedBefore()
      // What programs present says less than a login does: what it leaves out is not taken away.
      const name = known !== undefined && person.name === person.subject ? known.name : person.name
      const said = { ...person, name, email: person.email ?? known?.email }
      return admitPerson(parts, said, { at, names: [person] }).catch((error: unknown) => {
        const code = error instanceof Fault ? error.code : undefined
        if (code === 'identity.must_sign_in_anew')
          throw new Fault('identity.disabled', 'this principal must sign in anew', { cause: error })
        throw code === 'identity.sign_in_failed' ? vouchedBefore() : error
      })
    },
  }
}

/**
 * Disables a principal within the transaction that records it, with all that ends then. Under `lockAdministration` only.
 *
 * @returns false if he is disabled already; nothing was changed then.
 * @throws {Fault} `identity.last_administrator`
 */
export async function disableWithin(
  { clock, onDisable }: Pick<PrincipalParts, 'clock' | 'onDisable'>,
  tx: Handle,
  id: string,
): Promise<boolean> {
  const administrators = await listAdministratorIds(tx, clock.now())
  if (!(await updatePrincipalState(tx, id, { state: 'disabled', at: clock.now() }))) return false
  if (administrators.every((one) => one === id) && administrators.length > 0) {
    throw new Fault('identity.last_administrator', 'cannot disable the last administrator: make another one first')
  }
  await endAllOf({ clock, onDisable }, tx, { id })
  return true
}

/** Ends what a principal has going, within a transaction: sign-ins, operator keys, invitations, and what `onDisable` ends. */
export async function endAllOf(
  { clock, onDisable }: Pick<PrincipalParts, 'clock'> & { onDisable: readonly OnDisable[] },
  tx: Handle,
  { id, because }: { id: string; because?: string },
): Promise<void> {
  await deleteSignInsOf(tx, id)
  await revokeOperatorKeysOf(tx, id, clock.now())
  await endLinksBy(tx, id, clock.now())
  for (const end of onDisable) await end(tx, id, because)
}

function vouchedBefore(): Fault {
  return new Fault('identity.disabled', 'this was vouched for before the provider ended what the principal had')
}

/** The claim by which the people of an issuer are told apart. */
function keyClaimOf({ provisioners }: Pick<PrincipalParts, 'provisioners'>, issuer: string): 'sub' | 'oid' {
  return provisioners.find((one) => one.issuer === issuer)?.claim ?? 'sub'
}

function notToChange(id: string, what: 'disabled' | 'enabled'): Fault {
  return new Fault('identity.not_found', `cannot find a principal \`${id}\` that is not ${what} yet`)
}

/**
 * Makes all who change who administers wait for one another until the transaction ends, so that two steps that are each
 * right alone cannot leave nobody, or make two first administrators.
 */
export async function lockAdministration(tx: Handle, clock: Clock): Promise<void> {
  await updateSetting(tx, 'identity.administration', String(clock.now()))
}

/** Refuses who neither administers nor is the house itself. Throws `identity.not_allowed`. */
export async function checkAdministers(tx: Handle, by: string, clock: Clock): Promise<void> {
  if (by === 'set-up' || by === 'system') return
  if ((await listAdministratorIds(tx, clock.now())).includes(by)) return
  throw new Fault('identity.not_allowed', 'cannot do this: only an administrator may', { detail: `by ${by}` })
}

/**
 * The principal of a person whom an identity provider vouches for: found by issuer and subject, never by e-mail. Who is
 * new is admitted with no rights at all.
 *
 * @param begun What he comes by; absent where it began at this moment.
 * @throws {Fault} `identity.disabled` if he is disabled; `identity.must_sign_in_anew` if he must and the provider does not
 *   show that he has; `identity.sign_in_failed` if he is to be changed and something was withdrawn in his name since.
 */
export async function admitPerson(
  parts: Omit<PrincipalParts, 'onDisable' | 'provisioners'>,
  person: Person,
  begun?: Begun,
): Promise<Principal> {
  const { store, ledger, clock } = parts
  const known = await findPrincipalBySubject(store, person.issuer, person.subject)
  const found = known?.state === 'must_sign_in' ? await signInAnew(parts, known, { person, begun }) : known
  if (found === undefined) {
    const principal = newPrincipal(person, clock)
    const about = { kind: 'principal', id: principal.id } as const
    const details = { issuer: principal.issuer, subject: principal.subject, name: principal.name, rights: [] }
    const inserted = await ledger
      .recordChange({ by: principal.id, what: 'principal.joined', about, details }, async (tx) => {
        await checkNotVoid(tx, begun)
        if (!(await insertPrincipal(tx, principal))) throw new Overtaken()
        return principal
      })
      .catch((error: unknown) => {
        if (error instanceof Overtaken) return undefined
        throw error
      })
    // Somebody else made him first, by another window or by provisioning: now he is known, and may be disabled.
    return inserted ?? admitPerson(parts, person, begun)
  }
  checkActive(found)
  if (found.name === person.name && found.email === person.email) return found
  const display = { name: person.name, email: person.email }
  const about = { kind: 'principal', id: found.id } as const
  const details = { name: person.name }
  await ledger.recordChange({ by: found.id, what: 'principal.changed', about, details }, async (tx) => {
    await checkNotVoid(tx, begun)
    await updatePrincipalDisplay(tx, found.id, display)
  })
  return { ...found, ...display }
}

/** Lets somebody in again who had to prove anew who he is, and did so later than it was demanded. */
async function signInAnew(
  { ledger }: Pick<PrincipalParts, 'ledger'>,
  principal: Principal,
  { person, begun }: { person: Person; begun: Begun | undefined },
): Promise<Principal> {
  const at = person.login?.at ?? 0
  const about = { kind: 'principal', id: principal.id } as const
  const details = { authenticatedAt: at }
  await ledger.recordChange({ by: principal.id, what: 'principal.signed_in_anew', about, details }, async (tx) => {
    await checkNotVoid(tx, begun)
    if (!(await fulfilSignIn(tx, principal.id, at))) checkActive(principal)
  })
  return { ...principal, state: 'active' }
}

/**
 * Refuses a principal who may not come in.
 *
 * @throws {Fault} `identity.disabled`, `identity.must_sign_in_anew`
 */
export function checkActive(principal: Principal): Principal {
  if (principal.state === 'active') return principal
  if (principal.state === 'must_sign_in') {
    throw new Fault(
      'identity.must_sign_in_anew',
      'cannot sign in yet: your company asks you to prove anew who you are, so sign in once more',
      { detail: principal.id },
    )
  }
  throw new Fault('identity.disabled', 'cannot sign in: an administrator has disabled this principal', {
    detail: principal.id,
  })
}

/** A principal for a person who was not known. */
export function newPrincipal(person: Person, clock: Clock): Principal {
  return {
    id: makeId(clock),
    issuer: person.issuer,
    subject: person.subject,
    kind: 'person',
    name: person.name,
    email: person.email,
    state: 'active',
    createdAt: clock.now(),
  }
}

/** Rolls a transaction back because another one did the same first. */
class Overtaken extends Error {}
