import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { digestOf, makeSecret } from '../base/ids.ts'
import type { Principal } from '../model/principal.ts'
import { readReason } from '../model/rights.ts'
import { endLinksFor, findOpenLink, insertOneTimeLink, type OneTimeLink, spendLink } from '../store/one-time-links.ts'
import { revokeOperatorKeysOf } from '../store/operator-keys.ts'
import { deletePasskeysOf, deleteWaitingPasskeys } from '../store/passkeys.ts'
import { findPasswordByLogin, findPasswordOf, lockPassword, type Password, updatePassword } from '../store/passwords.ts'
import { findPrincipal, listAdministratorIds } from '../store/principals.ts'
import {
  countRecoveryCodes,
  findRecoveryHash,
  replaceRecoveryCodes,
  spendRecoveryCode,
} from '../store/recovery-codes.ts'
import { deleteOtherSignIns, deleteSignInsOf } from '../store/sign-ins.ts'
import type { Handle, Store } from '../store/store.ts'
import { linkInvalid } from './invitations.ts'
import {
  isRecoveryCode,
  makeRecoveryCodes,
  readRecoveryCode,
  recoveryHash,
  showRecoveryCode,
} from './local/recovery-code.ts'
import { type PasswordHasher, readPassword } from './password.ts'
import { checkActive, checkAdministers, endAllOf, type OnDisable } from './principals.ts'
import type { IdentityLedger } from './records.ts'

const resetSeconds = 24 * 60 * 60

/** What an administrator does for somebody who can sign in no more. */
export interface Resets {
  /**
   * Makes a link by which a local principal sets a new password, once, within a day. Links that were made for him before
   * end.
   *
   * @param given `by` must be another administrator; `reason` has 3 to 500 characters.
   * @returns the address; it is a secret and is shown once.
   * @throws {Fault} `identity.not_allowed`, `identity.not_found` for whoever has no password here, `identity.disabled`.
   */
  makeResetLink(given: { by: string; id: string; reason: string }): Promise<{ url: string; expiresAt: number }>
}

/** What people do about their own login. Each step is recorded, and ends what it makes doubtful. */
export interface OwnLogin {
  /** The password of a principal, if he has one here. */
  find(principalId: string): Promise<Password | undefined>
  /** How many recovery codes are left. */
  countCodes(principalId: string): Promise<number>
  /**
   * Asks for the password until now, where the sign-in itself is not proof enough.
   *
   * @throws {Fault} `identity.sign_in_failed` for a wrong one.
   */
  checkPassword(principal: Principal, current: string): Promise<void>
  /**
   * Sets a new password; all other sign-ins and all operator keys end, and a passkey that the password before has added and
   * that does not count yet. Throws `identity.password_refused`.
   */
  changePassword(given: { principal: Principal; signInId: string; password: string }): Promise<void>
  /** Makes ten codes in the place of those before. They are shown once and kept as digests. */
  makeCodes(principal: Principal): Promise<string[]>
  /**
   * Judges a password and a recovery code together; takes as long whatever is wrong.
   *
   * @returns whose login it is, if it is known, and what spends the code, if both are right.
   */
  checkCode(given: {
    login: string
    password: string
    code: string
  }): Promise<{ principal: Principal | undefined; spend: (() => Promise<boolean>) | undefined }>
  /** Whom an open reset link is for. */
  findReset(secret: string): Promise<{ id: string; principal: Principal; login: string } | undefined>
  /**
   * Spends a reset link: the new password holds; passkeys and recovery codes are gone, and all that disabling would end,
   * because somebody else may have begun it.
   *
   * @throws {Fault} `identity.link_invalid`, `identity.password_refused`, `identity.disabled`; the link stays open then.
   */
  acceptReset(id: string, password: string): Promise<Principal>
}

/** Opens what people do about their own login, and the links that administrators make for them. */
export function openOwnLogin(parts: {
  store: Store
  ledger: IdentityLedger
  clock: Clock
  origin: string
  hasher: PasswordHasher
  onDisable: readonly OnDisable[]
}): { own: OwnLogin; resets: Resets } {
  const { store, ledger, clock, hasher } = parts

  async function hashNew({ name }: Principal, login: string, text: string): Promise<string> {
    return hasher.hash(readPassword(text, { login, name }))
  }

  const own: OwnLogin = {
    find: (principalId) => findPasswordOf(store, principalId),
    countCodes: (principalId) => countRecoveryCodes(store, principalId),
    async checkPassword(principal, current) {
      const { hash } = await getPassword(store, principal.id)
      if ((await hasher.check(current.slice(0, 1_000), hash)).ok) return
      throw new Fault('identity.sign_in_failed', 'cannot change this: the password until now is wrong')
    },
    async changePassword({ principal, signInId, password }) {
      const before = await getPassword(store, principal.id)
      const hash = await hashNew(principal, before.login, password)
      const about = { kind: 'principal', id: principal.id } as const
      await ledger.recordChange({ by: principal.id, what: 'password.set', about }, async (tx) => {
        await updatePassword(tx, principal.id, { hash, changedAt: clock.now() })
        await deleteOtherSignIns(tx, principal.id, signInId)
        await deleteWaitingPasskeys(tx, principal.id, clock.now())
        await revokeOperatorKeysOf(tx, principal.id, clock.now())
        await endLinksFor(tx, resetOf(principal.id), clock.now())
      })
    },
    async makeCodes(principal) {
      const codes = makeRecoveryCodes()
      const hashes = codes.map((code) => ({ place: code.place, hash: recoveryHash(principal.id, code) }))
      const about = { kind: 'principal', id: principal.id } as const
      const details = { count: codes.length }
      await ledger.recordChange({ by: principal.id, what: 'recovery_code.made', about, details }, async (tx) => {
        await getPassword(tx, principal.id)
        await lockPassword(tx, principal.id)
        await replaceRecoveryCodes(tx, principal.id, hashes)
      })
      return codes.map(showRecoveryCode)
    },
    async checkCode({ login, password, code }) {
      const known = await findPasswordByLogin(store, login)
      const principal = known && (await findPrincipal(store, known.principalId))
      const typed = readRecoveryCode(code)
      const hash = known && (await findRecoveryHash(store, known.principalId, typed.place))
      const right = await hasher.check(password, known?.hash)
      if (!principal || !right.ok || hash === undefined || !isRecoveryCode(hash, principal.id, typed)) {
        return { principal, spend: undefined }
      }
      return { principal, spend: () => spend(principal, { place: typed.place, hash }) }
    },
    async findReset(secret) {
      const link = await findOpenLink(store, digestOf(secret), clock.now())
      if (link === undefined) return undefined
      const whom = await readReset(store, link)
      return whom && { id: link.id, ...whom }
    },
    async acceptReset(id, text) {
      const open = await findOpenLink(store, id, clock.now())
      const whom = open && (await readReset(store, open))
      if (open === undefined || whom === undefined) throw linkInvalid()
      const { principal, login } = whom
      checkActive(principal)
      const hash = await hashNew(principal, login, text)
      const about = { kind: 'principal', id: principal.id } as const
      const details = { link: id, offeredBy: open.createdBy }
      await ledger.recordChange({ by: principal.id, what: 'password.set', about, details }, async (tx) => {
        const link = await spendLink(tx, id, clock.now())
        const still = link && (await readReset(tx, link))
        if (still === undefined) throw linkInvalid()
        checkActive(still.principal)
        await updatePassword(tx, principal.id, { hash, changedAt: clock.now(), passkeyOnly: false })
        await deletePasskeysOf(tx, principal.id)
        await replaceRecoveryCodes(tx, principal.id, [])
        await endAllOf(parts, tx, { id: principal.id, because: 'the login was reset' })
      })
      return principal
    },
  }

  async function spend(principal: Principal, code: { place: string; hash: string }): Promise<boolean> {
    const about = { kind: 'principal', id: principal.id } as const
    const details = { left: (await countRecoveryCodes(store, principal.id)) - 1 }
    const change = { by: principal.id, what: 'recovery_code.spent', about, details } as const
    return ledger
      .recordChange(change, async (tx) => {
        if (!(await spendRecoveryCode(tx, principal.id, { ...code, at: clock.now() }))) throw new Overtaken()
        await deleteSignInsOf(tx, principal.id)
        await revokeOperatorKeysOf(tx, principal.id, clock.now())
        return true
      })
      .catch((error: unknown) => {
        if (error instanceof Overtaken) return false
        throw error
      })
  }

  // Good while who offered it still administers.
  async function readReset(
    handle: Handle,
    link: OneTimeLink,
  ): Promise<{ principal: Principal; login: string } | undefined> {
    if (link.purpose !== 'reset') return undefined
    if (!(await listAdministratorIds(handle, clock.now())).includes(link.createdBy ?? '')) return undefined
    const { principalId } = JSON.parse(link.payload) as { principalId: string }
    const principal = await findPrincipal(handle, principalId)
    const password = await findPasswordOf(handle, principalId)
    return principal && password && { principal, login: password.login }
  }

  const resets: Resets = {
    async makeResetLink({ by, id, reason: why }) {
      const reason = readReason(why)
      if (by === id) {
        throw new Fault('identity.not_allowed', 'cannot reset your own login: change it on your own page')
      }
      const secret = makeSecret()
      const now = clock.now()
      const expiresAt = now + resetSeconds * 1_000
      const change = {
        by,
        what: 'password.reset_offered',
        about: { kind: 'principal', id },
        reason,
        details: { link: digestOf(secret), expiresAt },
      } as const
      await ledger.recordChange(change, async (tx) => {
        await checkAdministers(tx, by, clock)
        const principal = await findPrincipal(tx, id)
        await getPassword(tx, id)
        checkActive(principal!)
        await endLinksFor(tx, resetOf(id), now)
        const link = { id: digestOf(secret), ...resetOf(id), createdBy: by, createdAt: now, expiresAt }
        await insertOneTimeLink(tx, { ...link, usedAt: undefined })
      })
      return { url: `${parts.origin}/reset/${secret}`, expiresAt }
    },
  }
  return { own, resets }
}

function resetOf(principalId: string): Pick<OneTimeLink, 'purpose' | 'payload'> {
  return { purpose: 'reset', payload: JSON.stringify({ principalId }) }
}

async function getPassword(handle: Handle, principalId: string): Promise<Password> {
  const password = await findPasswordOf(handle, principalId)
  if (password === undefined) {
    throw new Fault('identity.not_found', 'cannot change this: there is no password here to sign in with')
  }
  return password
}

/** Rolls a transaction back because another one did the same first. */
class Overtaken extends Error {}
