import { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { digestOf, makeId, makeSecret } from '../base/ids.ts'
import { itemNameMax } from '../model/item.ts'
import type { Principal } from '../model/principal.ts'
import { rights } from '../model/rights.ts'
import { insertEntitlement } from '../store/entitlements.ts'
import { findOpenLink, insertOneTimeLink, type OneTimeLink, spendLink } from '../store/one-time-links.ts'
import { insertPassword } from '../store/passwords.ts'
import { findPrincipal, findPrincipalBySubject, insertPrincipal, listAdministratorIds } from '../store/principals.ts'
import type { Handle, Store } from '../store/store.ts'
import type { Person } from './idp.ts'
import { type Begun, checkNotVoid } from './login/void.ts'
import { checkActive, checkAdministers, lockAdministration, newPrincipal } from './principals.ts'
import type { IdentityLedger } from './records.ts'

const daySeconds = 24 * 60 * 60
const invitationSecondsMax = 30 * daySeconds

const payloadSchema = z.strictObject({
  name: z.string().trim().min(1).max(100),
  email: z.string().trim().max(254).optional(),
  rights: z
    .array(
      z.strictObject({
        right: z.enum(rights),
        upstream: z.string().min(1).max(64),
        tool: z.string().min(1).max(itemNameMax),
      }),
    )
    .max(500),
})

/** Whom an invitation is for, and what it will give. */
export type InvitationFor = z.infer<typeof payloadSchema>

/** How people come to this house. */
export interface Invitations {
  /**
   * Makes a link that turns one person into a principal, once.
   *
   * @param given `by` must be an administrator; `rights` are given when the link is accepted, if `by` still administers
   *   then; `expiresInSeconds`: 60 to 2 592 000, by default 604 800.
   * @returns the address; it is a secret and is shown once.
   * @throws {Fault} `identity.not_allowed`, `identity.input_invalid`.
   */
  invite(
    given: { by: string; expiresInSeconds?: number | undefined } & InvitationFor,
  ): Promise<{ url: string; expiresAt: number }>
  /**
   * Makes the link for the first administrator, which lasts 24 hours, or until somebody administers.
   *
   * @returns undefined once somebody administers.
   */
  firstAdministratorLink(): Promise<string | undefined>
}

/** A link that is open. */
export interface OpenInvitation {
  /** The digest of its secret. */
  id: string
  purpose: InvitationLink['purpose']
  for: InvitationFor | undefined
}

/** Who accepts: a person of an identity provider, or one who chose a login and a password here. */
export type Newcomer = { person: Person; begun: Begun } | { name: string; login: string; passwordHash: string }

/** The other end of a link: for this room's door only. */
export interface InvitationDesk {
  findInvitation(secret: string): Promise<OpenInvitation | undefined>
  /**
   * Spends a link and makes the principal with his rights, all in the transaction that records it.
   *
   * @throws {Fault} `identity.link_invalid`, `identity.login_taken`, `identity.disabled`, and `identity.sign_in_failed` if
   *   something was withdrawn in his name since his login was begun; the link stays open then.
   */
  acceptInvitation(id: string, newcomer: Newcomer): Promise<Principal>
}

/** Opens the invitations of one origin, and the desk that accepts them. */
export function openInvitations(parts: { store: Store; ledger: IdentityLedger; clock: Clock; origin: string }): {
  invitations: Invitations
  desk: InvitationDesk
} {
  const { store, ledger, clock, origin } = parts

  async function make(given: {
    by: string
    payload: InvitationFor | undefined
    seconds: number
  }): Promise<OneTimeLink & { url: string }> {
    const secret = makeSecret()
    const now = clock.now()
    const link: OneTimeLink = {
      id: digestOf(secret),
      purpose: given.payload ? 'invitation' : 'first-administrator',
      payload: JSON.stringify(given.payload ?? {}),
      createdBy: given.by,
      createdAt: now,
      expiresAt: now + given.seconds * 1_000,
      usedAt: undefined,
    }
    const { name, rights: promised } = given.payload ?? {}
    const whom = name === undefined ? {} : { name, rights: promised }
    const details = { link: link.id, purpose: link.purpose, expiresAt: link.expiresAt, ...whom }
    await ledger.recordChange(
      { by: given.by, what: 'principal.invited', about: { kind: 'principal' }, details },
      async (tx) => {
        await checkAdministers(tx, given.by, clock)
        await insertOneTimeLink(tx, link)
      },
    )
    return { ...link, url: `${origin}/join/${secret}` }
  }

  const invitations: Invitations = {
    async invite({ by, expiresInSeconds = 7 * daySeconds, ...whom }) {
      if (!Number.isInteger(expiresInSeconds) || expiresInSeconds < 60 || expiresInSeconds > invitationSecondsMax) {
        throw new Fault(
          'identity.input_invalid',
          `cannot invite: the link must last 60 to ${invitationSecondsMax} seconds`,
        )
      }
      const read = payloadSchema.safeParse({ ...whom, email: whom.email || undefined })
      if (!read.success) {
        const issue = read.error.issues[0]!
        throw new Fault(
          'identity.input_invalid',
          `cannot invite: \`${issue.path.join('.')}\` is not right: ${issue.message}`,
        )
      }
      const everywhere = (item: { upstream: string; tool: string }) => item.upstream === '*' && item.tool === '*'
      if (read.data.rights.some((item) => item.right === 'administer' && !everywhere(item))) {
        throw new Fault('identity.input_invalid', 'cannot invite: the right `administer` has `*` for upstream and tool')
      }
      const { url, expiresAt } = await make({ by, payload: read.data, seconds: expiresInSeconds })
      return { url, expiresAt }
    },
    async firstAdministratorLink() {
      if ((await listAdministratorIds(store, clock.now())).length > 0) return undefined
      return (await make({ by: 'set-up', payload: undefined, seconds: daySeconds })).url
    },
  }
  const desk: InvitationDesk = {
    async findInvitation(secret) {
      const link = await findOpenLink(store, digestOf(secret), clock.now())
      if (link === undefined || !invites(link) || !(await isGood(store, link, clock))) return undefined
      return { id: link.id, purpose: link.purpose, for: payloadOf(link) }
    },
    async acceptInvitation(id, newcomer) {
      const known =
        'person' in newcomer
          ? await findPrincipalBySubject(store, newcomer.person.issuer, newcomer.person.subject)
          : undefined
      const principal = known ?? principalOf(newcomer, clock)
      checkActive(principal)
      const open = await findOpenLink(store, id, clock.now())
      if (open === undefined || !invites(open)) throw linkInvalid()
      const given = rightsOf(open)
      const about = { kind: 'principal', id: principal.id } as const
      const { issuer, subject, name } = principal
      const details = {
        link: id,
        purpose: open.purpose,
        invitedBy: open.createdBy,
        issuer,
        subject,
        name,
        rights: given,
      }
      await ledger.recordChange({ by: principal.id, what: 'principal.joined', about, details }, async (tx) => {
        await lockAdministration(tx, clock)
        const link = await spendLink(tx, id, clock.now())
        if (link === undefined || !(await isGood(tx, link, clock))) throw linkInvalid()
        // Again, where no withdrawal comes in between: what is given here would outlive it.
        if (known) checkActive((await findPrincipal(tx, known.id))!)
        if ('person' in newcomer) await checkNotVoid(tx, newcomer.begun)
        if (!known) await insertNewcomer(tx, { principal, newcomer, at: clock.now() })
        for (const item of given) {
          await insertEntitlement(tx, {
            ...item,
            id: makeId(clock),
            principalId: principal.id,
            grantedBy: link.purpose === 'invitation' ? link.createdBy : undefined,
            reason: link.purpose === 'invitation' ? 'given with the invitation' : 'the first administrator',
            createdAt: clock.now(),
            endsAt: undefined,
            revokedAt: undefined,
          })
        }
      })
      return principal
    },
  }
  return { invitations, desk }
}

type InvitationLink = OneTimeLink & { purpose: 'first-administrator' | 'invitation' }

/** Links of another purpose make nobody. */
function invites(link: OneTimeLink): link is InvitationLink {
  return link.purpose === 'first-administrator' || link.purpose === 'invitation'
}

function payloadOf(link: InvitationLink): InvitationFor | undefined {
  return link.purpose === 'invitation' ? payloadSchema.parse(JSON.parse(link.payload)) : undefined
}

function rightsOf(link: InvitationLink): InvitationFor['rights'] {
  return payloadOf(link)?.rights ?? [{ right: 'administer', upstream: '*', tool: '*' }]
}

/** A first administrator only while there is none; an invitation only while the one who invites may. */
async function isGood(handle: Handle, link: OneTimeLink, clock: Clock): Promise<boolean> {
  const administrators = await listAdministratorIds(handle, clock.now())
  if (link.purpose === 'first-administrator') return administrators.length === 0
  return ['set-up', 'system', ...administrators].includes(link.createdBy ?? '')
}

function principalOf(newcomer: Newcomer, clock: Clock): Principal {
  if ('person' in newcomer) return newPrincipal(newcomer.person, clock)
  const principal = newPrincipal({ issuer: 'local', subject: '', name: newcomer.name, email: undefined }, clock)
  // The subject is the id, not the login: a login that is given up and taken by somebody else is not the same principal.
  return { ...principal, subject: principal.id }
}

async function insertNewcomer(
  tx: Handle,
  { principal, newcomer, at }: { principal: Principal; newcomer: Newcomer; at: number },
): Promise<void> {
  if (!(await insertPrincipal(tx, principal))) {
    throw new Fault('base.busy', 'cannot accept the invitation now: the same person signs in elsewhere; try again')
  }
  if ('person' in newcomer) return
  const { login, passwordHash: hash } = newcomer
  const password = { principalId: principal.id, login, hash, changedAt: at, passkeyOnly: false }
  if (!(await insertPassword(tx, password))) {
    throw new Fault('identity.login_taken', `cannot use the login \`${newcomer.login}\`: somebody else has it`)
  }
}

/** What is said of a link that is used, expired, withdrawn or never was: always the same. */
export function linkInvalid(): Fault {
  return new Fault(
    'identity.link_invalid',
    'cannot use this link: it was used, has expired, or never was; ask for a new one',
  )
}
