import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { digestOf, makeSecret } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import {
  countLoginAttempts,
  deleteExpiredLoginAttempts,
  findLoginAttempt,
  insertLoginAttempt,
  type LoginAttempt,
  replaceLoginPayload,
  takeLoginAttempt,
} from '../store/login-attempts.ts'
import { findPrincipalBySubject } from '../store/principals.ts'
import type { Store } from '../store/store.ts'
import type { Sealer } from '../vault/sealer.ts'
import type { Idp, Person, RedirectIdp } from './idp.ts'
import type { InvitationDesk } from './invitations.ts'
import type { Entered, Entering, Visitor } from './login/entering.ts'
import { localLogins } from './login/local.ts'
import { readReturnTo } from './login/return-to.ts'
import type { Throttle } from './login/throttle.ts'
import { checkNotVoid } from './login/void.ts'
import type { MappingDesk } from './mapping.ts'
import type { OwnLogin } from './own-login.ts'
import type { Passkeys } from './passkeys.ts'
import { admitPerson } from './principals.ts'
import { type IdentityLedger, partyOf } from './records.ts'
import type { SignInDesk } from './sign-ins.ts'

/** How long a person may take at the provider. */
const attemptSeconds = 10 * 60
/** Attempts that may wait at once; each is a row of some hundred bytes. */
const attemptsMax = 10_000

/** The ways through the first door. Each records that somebody came in before he is in, and each failure. */
export interface Logins {
  /**
   * Signs in by login and password.
   *
   * @throws {Fault} `identity.sign_in_failed` for a wrong login and a wrong password alike, `identity.too_many`,
   *   `identity.disabled` for the right password of a principal who is disabled.
   */
  withPassword(visitor: Visitor, fields: { login: string; password: string; returnTo: string }): Promise<Entered>
  /**
   * Begins a login at a provider.
   *
   * @param attempt `browser` is the secret of the browser that begins; only it can complete, once, within 10 minutes.
   * @returns the provider's address.
   */
  begin(
    visitor: Visitor,
    attempt: {
      provider: string
      browser: string
      returnTo: string
      link?: string | undefined
      hint?: string | undefined
      anew?: boolean | undefined
      /** Context classes of which the login should be one, with spaces between. */
      acr?: string | undefined
    },
  ): Promise<string>
  /**
   * Completes a login when the browser comes back, and accepts the invitation that it was begun with.
   *
   * @throws {Fault} `identity.sign_in_failed` if this browser did not begin it, or it was completed already, or is too old;
   *   `identity.provider_failed`; `identity.disabled`; `identity.link_invalid`; `identity.too_many`. Where nothing that was
   *   begun here is answered, no entry says so.
   */
  complete(visitor: Visitor, answer: { provider: string; browser: string | undefined; url: URL }): Promise<Entered>
  /**
   * Takes the word of an application's backend for who signed in there, once for each login.
   *
   * @returns the address to send that browser to.
   * @throws {Fault} `identity.bridge_refused` (401, 400), or with status 404 if no such login waits, 409 if it was
   *   vouched for already; `identity.too_many`.
   */
  vouch(
    visitor: Visitor,
    given: { provider: string; authorization: string | undefined; body: unknown },
  ): Promise<string>
  /** Signs in a principal who was made just now. */
  enter(visitor: Visitor, given: Entering): Promise<Entered>
  /**
   * Signs in by a passkey, in the browser that began.
   *
   * @throws {Fault} `identity.passkey_refused`, `identity.disabled`, `identity.too_many`. Where nothing that was begun here is
   *   answered, no entry says so.
   */
  withPasskey(visitor: Visitor, given: { browser: string | undefined; answer: string }): Promise<Entered>
  /**
   * Signs in by login, password and a recovery code, which is spent; all other sign-ins of the principal end.
   *
   * @throws {Fault} `identity.sign_in_failed` in the same words whatever is wrong, `identity.too_many`,
   *   `identity.disabled`.
   */
  withRecoveryCode(visitor: Visitor, fields: { login: string; password: string; code: string }): Promise<Entered>
}

/** Opens the logins over the providers of the configuration. */
export function openLogins(parts: {
  store: Store
  ledger: IdentityLedger
  sealer: Sealer
  clock: Clock
  log: Log
  origin: string
  idps: readonly Idp[]
  throttle: Throttle
  signIns: SignInDesk
  invitations: InvitationDesk
  mapping: MappingDesk
  passkeys: Passkeys
  own: OwnLogin
}): Logins {
  const { store, ledger, clock, idps, throttle } = parts

  const enter: Logins['enter'] = async ({ req, address }, given) => {
    const { principal, provider, returnTo, login, brought, session, begun } = given
    const { secret, id } = parts.signIns.mint()
    const how = login.amr.length > 0 && { amr: [...login.amr] }
    const entry = { status: 'success', provider, principal: partyOf(principal), signInId: id, address, ...how } as const
    await ledger.recordLogin(entry)
    const came = { principalId: principal.id, provider, secret, login, brought, session, begun }
    const visitor = { req, address }
    const cookie = await admitted(() => parts.signIns.start(req, came), { visitor, provider, person: principal })
    return { principal, cookie, returnTo: readReturnTo(returnTo) }
  }

  async function refuse(
    visitor: Visitor,
    given: {
      provider: string
      person: Pick<Person, 'issuer' | 'subject'> | undefined
      fault: Fault
      reason?: string
    },
  ): Promise<never> {
    const { person, fault, provider, reason = fault.code } = given
    const principal = person && (await findPrincipalBySubject(store, person.issuer, person.subject))
    const known = principal ? { principal: partyOf(principal) } : {}
    await ledger.recordLogin({ status: 'failure', provider, ...known, reason, address: visitor.address })
    throw fault
  }

  const seal = (id: string, payload: Payload) => parts.sealer.seal('login-attempt', id, JSON.stringify(payload))
  const unseal = ({ id, payload }: LoginAttempt) =>
    JSON.parse(Buffer.from(parts.sealer.open('login-attempt', id, payload)).toString()) as Payload

  return {
    enter,
    ...localLogins({ ...parts, enter, refuse, admitted }),
    async vouch(visitor, { provider, authorization, body }) {
      const idp = findIdp(idps, 'redirect', provider)
      if (!('vouch' in idp)) throw new Fault('identity.not_found', 'no application of this name signs people in here')
      await throttle.admitVouching(visitor.address)
      const { state, code, kept } = idp.vouch(authorization, body)
      await throttle.vouched(visitor.address)
      const attempt = await findLoginAttempt(store, digestOf(state), clock.now())
      if (attempt?.provider !== provider) {
        throw bridgeRefused('no login waits under this `external_auth_id`: it is used, too old or of another', 404)
      }
      const payload = unseal(attempt)
      const renewed = seal(attempt.id, { ...payload, kept: { ...payload.kept, ...kept } })
      if (payload.kept['code'] !== undefined || !(await replaceLoginPayload(store, attempt, renewed))) {
        throw bridgeRefused('somebody was named for this login already: begin a new one', 409)
      }
      return `${callbackOf(parts.origin, provider)}?${new URLSearchParams({ state, code }).toString()}`
    },
    async begin(visitor, { provider, browser, returnTo, link, hint, anew, acr }) {
      const idp = findIdp(idps, 'redirect', provider) as RedirectIdp
      await throttle.admitBeginning(visitor.address)
      await deleteExpiredLoginAttempts(store, clock.now())
      if ((await countLoginAttempts(store)) >= attemptsMax) {
        throw new Fault('base.busy', 'cannot begin a login now: too many wait to be completed')
      }
      const state = makeSecret()
      // Whoever is signed in there must prove anew who he is, and the provider must say when.
      const demand = anew ? { maxAgeSeconds: 0, acr: acr?.split(' ') } : undefined
      const { url, kept } = await idp.begin({ state, callback: callbackOf(parts.origin, provider), demand, hint })
      const id = digestOf(state)
      await insertLoginAttempt(store, {
        id,
        provider,
        browser: digestOf(browser),
        payload: seal(id, { kept, link }),
        returnTo: readReturnTo(returnTo),
        expiresAt: clock.now() + attemptSeconds * 1_000,
      })
      return url
    },
    async complete(visitor, { provider, browser, url }) {
      const idp = findIdp(idps, 'redirect', provider) as RedirectIdp
      const states = url.searchParams.getAll('state')
      const state = states[0] ?? ''
      const { address } = visitor
      // Any page can send browsers here, without our cookie: it must not use up the tries of their network.
      if (browser !== undefined) await throttle.admitAnswer(address)
      const attempt = states.length === 1 ? await takeLoginAttempt(store, digestOf(state), clock.now()) : undefined
      if (attempt === undefined) {
        // The ledger is not for anybody to fill.
        parts.log.debug({ provider, address }, 'a login came back that had not been begun')
        throw notBegun('no such attempt')
      }
      if (browser !== undefined) await throttle.answerTaken(address)
      if (attempt.provider !== provider || browser === undefined || attempt.browser !== digestOf(browser)) {
        return refuse(visitor, { provider, person: undefined, fault: notBegun('another browser or provider') })
      }
      const { kept, link } = unseal(attempt)
      const arrival = await admitted(() => idp.complete({ url, state, kept }), { visitor, provider, person: undefined })
      const { brought, session, ...person } = arrival
      const ofSession = session === undefined ? [] : [{ issuer: person.issuer, session }]
      const begun = { at: attempt.expiresAt - attemptSeconds * 1_000, names: [person, ...ofSession] }
      const join = async () => {
        await checkNotVoid(store, begun)
        const joined = await (link
          ? parts.invitations.acceptInvitation(link, { person, begun })
          : admitPerson(parts, person, begun))
        await parts.mapping.refresh(joined, { provider, groups: person.groups, begun })
        return joined
      }
      const principal = await admitted(join, { visitor, provider, person }).catch((error: unknown) => {
        throw isToSignInAnew(error) ? withWayAnew(error, attempt) : error
      })
      const login = person.login ?? { at: 0, amr: [] }
      const given = { principal, provider, returnTo: attempt.returnTo, login, brought, session, begun }
      const entered = await enter(visitor, given)
      await parts.mapping.keepClaims(principal, provider, person.claims)
      return entered
    },
  }

  async function admitted<T>(
    work: () => Promise<T>,
    given: { visitor: Visitor; provider: string; person: Pick<Person, 'issuer' | 'subject'> | undefined },
  ): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const told = error instanceof Fault && error.code.startsWith('identity.')
      if (!told) throw error
      return refuse(given.visitor, { provider: given.provider, person: given.person, fault: error })
    }
  }
}

function notBegun(detail: string): Fault {
  const message =
    'cannot complete this login: it was begun in another browser, took longer than 10 minutes, or was completed already; begin again'
  return new Fault('identity.sign_in_failed', message, { detail })
}

function isToSignInAnew(error: unknown): error is Fault {
  return error instanceof Fault && error.code === 'identity.must_sign_in_anew'
}

/** The same, with the address that asks the provider for a new login and leads to where this one was to lead. */
function withWayAnew({ code, message, detail }: Fault, { provider, returnTo }: LoginAttempt): Fault {
  const query = new URLSearchParams({ anew: '1', return_to: returnTo })
  const data = { again: `/sign-in/with/${provider}?${query.toString()}` }
  return new Fault(code, message, { data, ...(detail !== undefined && { detail }) })
}

interface Payload {
  kept: Record<string, string>
  link?: string | undefined
}

function bridgeRefused(message: string, status: number): Fault {
  return new Fault('identity.bridge_refused', message, { status })
}

/** Where a provider sends the browser back to: each has its own address, so that none can answer for another. */
export function callbackOf(origin: string, provider: string): string {
  return `${origin}/sign-in/callback/${provider}`
}

function findIdp(idps: readonly Idp[], way: Idp['way'], id: string): Idp {
  const found = idps.find((idp) => idp.way === way && idp.id === id)
  if (found === undefined) throw new Fault('identity.not_found', 'cannot sign in this way: it is not offered here')
  return found
}
