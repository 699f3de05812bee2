import type { Clock } from '../base/clock.ts'
import type { Config } from '../base/config.ts'
import { Fault } from '../base/fault.ts'
import { digestOf, makeSecret } from '../base/ids.ts'
import type { Login } from '../model/login.ts'
import type { Principal } from '../model/principal.ts'
import {
  countLoginAttempts,
  deleteExpiredLoginAttempts,
  insertLoginAttempt,
  takeLoginAttempt,
} from '../store/login-attempts.ts'
import { revokeOperatorKeysOf } from '../store/operator-keys.ts'
import { deletePasskey, findPasskey, insertPasskey, listPasskeys, type Passkey, usePasskey } from '../store/passkeys.ts'
import { findPasswordOf, lockPassword, updatePassword } from '../store/passwords.ts'
import { listAdministratorIds } from '../store/principals.ts'
import { replaceRecoveryCodes } from '../store/recovery-codes.ts'
import { deleteOtherSignIns } from '../store/sign-ins.ts'
import type { Handle, Store } from '../store/store.ts'
import type { Sealer } from '../vault/sealer.ts'
import {
  challengeSeconds,
  creationOptions,
  passkeyRefused,
  readMade,
  readUsed,
  relyingPartyOf,
  requestOptions,
  verifyMade,
  verifyUsed,
} from './local/webauthn.ts'
import type { IdentityLedger } from './records.ts'

/** Passkeys of one person at most. */
const passkeysMax = 10
const attemptsMax = 10_000
const nameMax = 60
/** How long a passkey that the password alone has added is worth no more than that. Long enough for a weekend. */
const waitMs = 72 * 60 * 60 * 1_000

/** What a browser must do next: the options of WebAuthn, as JSON. */
export type WebauthnOptions = Record<string, unknown>

/** A passkey that has just proved who somebody is. */
export interface ProvedByPasskey {
  passkey: Passkey
  login: Login
  returnTo: string
}

/** Passkeys of local principals, as this room's doors need them. */
export interface Passkeys {
  /** Whether browsers make passkeys for this origin. */
  readonly possible: boolean
  list(principalId: string): Promise<Passkey[]>
  /** Whether somebody has one that counts: then the password alone changes nothing of how he signs in. */
  has(principalId: string): Promise<boolean>
  /** Whether one waits: it was added by the password alone, and the person is to hear of it before it counts. */
  waits(principalId: string): Promise<boolean>
  /**
   * Whether a principal may do nothing before there is a passkey behind his sign-in: by the configuration, or because he
   * wants it so.
   */
  demanded(principal: Principal): Promise<boolean>
  /** Begins a sign-in. `browser`: the secret of the browser, which alone can complete it, once, within five minutes. */
  beginSignIn(given: { browser: string; returnTo: string }): Promise<WebauthnOptions>
  /**
   * Judges the use of a passkey.
   *
   * @param given `found` is told once that a login that was begun here is answered, and once whose passkey it is.
   * @throws {Fault} `identity.passkey_refused`, for whatever reason, in the same words.
   */
  proveSignIn(given: {
    browser: string | undefined
    answer: string
    found: (principalId?: string) => void
  }): Promise<ProvedByPasskey>
  /** Begins to make a passkey, within this sign-in. */
  beginAdding(given: { principal: Principal; signInId: string; name: string }): Promise<WebauthnOptions>
  /**
   * Adds the passkey that was made. The sign-in stays what it was: it is used at the next one. With the first one recovery
   * codes of before are void, and all other sign-ins end.
   *
   * @param given `login`: that of the sign-in. Who did not come by passkey or recovery code adds only the first, and where
   *   no link of an administrator let him in, that waits for three days: until then it is worth what his password is.
   *
   * @throws {Fault} `identity.passkey_refused`.
   */
  add(given: { principal: Principal; signInId: string; answer: string; login: Login }): Promise<void>
  /**
   * Removes a passkey; all other sign-ins and all operator keys end, which it may have made. One that waits, whoever knows
   * the password removes.
   *
   * @throws {Fault} `identity.not_found`, `identity.not_allowed`, or `identity.input_invalid` for the last one while it is
   *   demanded.
   */
  remove(given: { principal: Principal; signInId: string; id: string; login: Login }): Promise<void>
  /** Sets whether the person's password alone opens nothing. Throws `identity.input_invalid` without a passkey. */
  setOnly(given: { principal: Principal; only: boolean }): Promise<void>
}

/** Opens the passkeys of one origin. */
export function openPasskeys(parts: {
  store: Store
  ledger: IdentityLedger
  sealer: Sealer
  clock: Clock
  config: Pick<Config, 'origin' | 'login'>
}): Passkeys {
  const { store, ledger, clock, sealer } = parts
  const { local } = parts.config.login
  const party = local.enabled ? relyingPartyOf(parts.config.origin) : undefined

  function requireParty() {
    if (party === undefined) throw new Fault('identity.not_found', 'cannot use passkeys: they are not offered here')
    return party
  }

  async function begin(waiting: { browser: string; kept: Kept; returnTo: string }): Promise<string> {
    await deleteExpiredLoginAttempts(store, clock.now())
    if ((await countLoginAttempts(store)) >= attemptsMax) {
      throw new Fault('base.busy', 'cannot begin a login now: too many wait to be completed')
    }
    const challenge = makeSecret()
    const id = digestOf(challenge)
    await insertLoginAttempt(store, {
      id,
      provider: 'local',
      browser: digestOf(waiting.browser),
      payload: sealer.seal('login-attempt', id, JSON.stringify(waiting.kept)),
      returnTo: waiting.returnTo,
      expiresAt: clock.now() + challengeSeconds * 1_000,
    })
    return challenge
  }

  // Whatever comes of it, the challenge is used up.
  async function take(given: {
    challenge: string
    browser: string | undefined
    what: Kept['what']
    found?: () => void
  }) {
    const attempt = await takeLoginAttempt(store, digestOf(given.challenge), clock.now())
    if (attempt === undefined) throw passkeyRefused('no such challenge waits')
    given.found?.()
    if (given.browser === undefined || attempt.browser !== digestOf(given.browser)) {
      throw passkeyRefused('begun in another browser')
    }
    const kept = JSON.parse(Buffer.from(sealer.open('login-attempt', attempt.id, attempt.payload)).toString()) as Kept
    if (attempt.provider !== 'local' || kept.what !== given.what) throw passkeyRefused('begun for something else')
    return { kept, returnTo: attempt.returnTo }
  }

  async function demanded(principal: Principal, handle: Handle = store): Promise<boolean> {
    if (party === undefined || principal.issuer !== 'local') return false
    if (local.passkeys === 'everybody') return true
    if ((await findPasswordOf(handle, principal.id))?.passkeyOnly) return true
    if (local.passkeys !== 'administrators') return false
    return (await listAdministratorIds(handle, clock.now())).includes(principal.id)
  }

  const counts = ({ countsAt }: Passkey): boolean => countsAt <= clock.now()

  return {
    possible: party !== undefined,
    demanded: (principal) => demanded(principal),
    list: (principalId) => listPasskeys(store, principalId),
    has: async (principalId) => (await listPasskeys(store, principalId)).some(counts),
    waits: async (principalId) => !(await listPasskeys(store, principalId)).every(counts),
    async beginSignIn({ browser, returnTo }) {
      const to = requireParty()
      return requestOptions(to, await begin({ browser, kept: { what: 'sign-in' }, returnTo }))
    },
    async proveSignIn({ browser, answer, found }) {
      const to = requireParty()
      const read = readUsed(answer)
      const { returnTo } = await take({ challenge: read.challenge, browser, what: 'sign-in', found })
      const passkey = await findPasskey(store, read.id)
      if (passkey === undefined) throw passkeyRefused('no such passkey')
      found(passkey.principalId)
      const counter = await verifyUsed(to, read, passkey)
      const use = { from: passkey.counter, to: counter, at: clock.now() }
      if (!(await usePasskey(store, passkey.id, use))) throw passkeyRefused('its counter has moved')
      const login = counts(passkey) ? loginBy(passkey, clock) : { at: clock.now(), amr: ['pwd'] }
      return { passkey, login, returnTo }
    },
    async beginAdding({ principal, signInId, name }) {
      const to = requireParty()
      const password = await findPasswordOf(store, principal.id)
      if (password === undefined) throw new Fault('identity.not_found', 'cannot add a passkey: there is no login here')
      const known = await listPasskeys(store, principal.id)
      if (known.length >= passkeysMax) {
        throw new Fault('identity.input_invalid', `cannot add a passkey: there are ${passkeysMax} already`)
      }
      const kept = { what: 'adding', principalId: principal.id, name: readName(name) } as const
      const challenge = await begin({ browser: signInId, kept, returnTo: '/' })
      const { login } = password
      return creationOptions(to, { challenge, principalId: principal.id, login, name: principal.name, known })
    },
    async add({ principal, signInId, answer, login }) {
      const to = requireParty()
      const read = readMade(answer)
      const { kept } = await take({ challenge: read.challenge, browser: signInId, what: 'adding' })
      if (kept.what !== 'adding' || kept.principalId !== principal.id) throw passkeyRefused('begun by somebody else')
      const made = await verifyMade(to, read)
      const now = clock.now()
      const countsAt = isStrong(login) || login.amr.includes(byLink) ? now : now + waitMs
      const times = { createdAt: now, usedAt: undefined, countsAt }
      const passkey = { ...made, principalId: principal.id, name: kept.name, ...times }
      const about = { kind: 'principal', id: principal.id } as const
      const waits = countsAt > now && { countsAt }
      const details = { passkey: passkey.id, name: passkey.name, synced: passkey.synced, ...waits }
      await ledger.recordChange({ by: principal.id, what: 'passkey.added', about, details }, async (tx) => {
        await lockPassword(tx, principal.id)
        const known = await listPasskeys(tx, principal.id)
        if (known.length >= (isStrong(login) ? passkeysMax : 1)) throw passkeyRefused('others were added meanwhile')
        if (!(await insertPasskey(tx, passkey))) throw passkeyRefused('known already')
        if (known.length > 0) return
        // Codes stand in for a passkey, and these were there before it. Whoever is signed in comes in anew, and hears of it.
        await replaceRecoveryCodes(tx, principal.id, [])
        await deleteOtherSignIns(tx, principal.id, signInId)
      })
    },
    async remove({ principal, signInId, id, login }) {
      const about = { kind: 'principal', id: principal.id } as const
      const change = { by: principal.id, what: 'passkey.removed', about, details: { passkey: id } } as const
      await ledger.recordChange(change, async (tx) => {
        await lockPassword(tx, principal.id)
        const known = await listPasskeys(tx, principal.id)
        const passkey = known.find((one) => one.id === id)
        if (passkey === undefined)
          throw new Fault('identity.not_found', 'cannot remove this passkey: there is none of this id')
        if (counts(passkey) && !isStrong(login)) throw wantsPasskey()
        await deletePasskey(tx, principal.id, id)
        if (counts(passkey) && known.filter(counts).length === 1 && (await demanded(principal, tx))) {
          throw new Fault('identity.input_invalid', 'cannot remove the last passkey: the password alone is not enough')
        }
        await deleteOtherSignIns(tx, principal.id, signInId)
        await revokeOperatorKeysOf(tx, principal.id, clock.now())
      })
    },
    async setOnly({ principal, only }) {
      const about = { kind: 'principal', id: principal.id } as const
      const change = { by: principal.id, what: 'passkey.only_set', about, details: { only } } as const
      await ledger.recordChange(change, async (tx) => {
        await lockPassword(tx, principal.id)
        if (only && !(await listPasskeys(tx, principal.id)).some(counts)) {
          throw new Fault('identity.input_invalid', 'cannot demand a passkey: there is none yet')
        }
        await updatePassword(tx, principal.id, { passkeyOnly: only })
      })
    },
  }
}

/** What waits for the answer to a challenge. */
type Kept = { what: 'sign-in' } | { what: 'adding'; principalId: string; name: string }

/** Of the methods of a sign-in: that a link of an administrator opened it. */
export const byLink = 'link'

/** What only a stronger sign-in than that by the password may change. */
export function wantsPasskey(): Fault {
  return new Fault('identity.not_allowed', 'cannot change this: sign in with your passkey first')
}

/** Whether a sign-in is one that a stolen password does not make. */
export function isStrong(login: Login): boolean {
  return login.amr.includes('mfa')
}

// Whether the key is in hardware nobody vouches for; one that can be copied to other devices surely is not kept by one.
function loginBy({ synced }: Pick<Passkey, 'synced'>, clock: Clock): Login {
  return { at: clock.now(), amr: [synced ? 'swk' : 'hwk', 'user', 'mfa'], acr: 'phr' }
}

function readName(text: string): string {
  const name = text.trim()
  if (name === '' || name.length > nameMax || !/^\P{C}+$/u.test(name)) {
    throw new Fault('identity.input_invalid', `cannot add a passkey: its name must have 1 to ${nameMax} characters`)
  }
  return name
}
