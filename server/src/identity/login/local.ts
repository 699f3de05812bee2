import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/fault.ts'
import type { Login } from '../../model/login.ts'
import type { Principal } from '../../model/principal.ts'
import { findPrincipal, findPrincipalBySubject } from '../../store/principals.ts'
import type { Store } from '../../store/store.ts'
import type { FormIdp, Idp, Person } from '../idp.ts'
import type { OwnLogin } from '../own-login.ts'
import { waysPath } from '../page/ways.ts'
import type { Passkeys } from '../passkeys.ts'
import { admitPerson } from '../principals.ts'
import type { IdentityLedger } from '../records.ts'
import type { Entered, Entering, Visitor } from './entering.ts'
import { readReturnTo } from './return-to.ts'
import type { Throttle } from './throttle.ts'

const provider = 'local'
type Known = Pick<Person, 'issuer' | 'subject'> | undefined

interface LocalParts {
  store: Store
  ledger: IdentityLedger
  clock: Clock
  idps: readonly Idp[]
  throttle: Throttle
  passkeys: Passkeys
  own: OwnLogin
  enter(visitor: Visitor, given: Entering): Promise<Entered>
  /** Records the failure, and throws it. */
  refuse(visitor: Visitor, given: { provider: string; person: Known; fault: Fault; reason?: string }): Promise<never>
  admitted<T>(work: () => Promise<T>, given: { visitor: Visitor; provider: string; person: Known }): Promise<T>
}

interface LocalLogins {
  withPassword(visitor: Visitor, fields: { login: string; password: string; returnTo: string }): Promise<Entered>
  withPasskey(visitor: Visitor, given: { browser: string | undefined; answer: string }): Promise<Entered>
  withRecoveryCode(visitor: Visitor, fields: { login: string; password: string; code: string }): Promise<Entered>
}

/** The ways in of those whose login is kept here. */
export function localLogins(parts: LocalParts): LocalLogins {
  const { store, clock, idps, throttle, passkeys, own, enter, refuse, admitted } = parts

  async function admitKnown(principal: Principal | undefined, login: Login): Promise<Principal> {
    if (principal === undefined) throw new Fault('identity.sign_in_failed', 'cannot sign in: nobody has this login')
    return admitPerson(parts, { ...principal, login })
  }

  // Where a passkey waits, whoever signs in is shown it first: it may be another's.
  async function landing(principalId: string, returnTo: string): Promise<string> {
    const next = readReturnTo(returnTo)
    if (next.startsWith(waysPath) || !(await passkeys.waits(principalId))) return next
    const path = `${waysPath}?${new URLSearchParams({ next }).toString()}`
    return readReturnTo(path) === path ? path : waysPath
  }

  function requireLocal(): FormIdp {
    const idp = idps.find((one): one is FormIdp => one.way === 'form')
    if (idp === undefined) throw new Fault('identity.not_found', 'cannot sign in this way: it is not offered here')
    return idp
  }

  return {
    async withPassword(visitor, { login, password, returnTo }) {
      const idp = requireLocal()
      const name = readLogin(login)
      await throttle.admit(name, visitor.address)
      const { ok, person } = await idp.check({ login: name, password: password.slice(0, 1_000) })
      if (!ok) return refuse(visitor, { provider, person, fault: wrong(passkeys.possible) })
      const known = await findPrincipalBySubject(store, person.issuer, person.subject)
      if (known && (await passkeys.demanded(known)) && (await passkeys.has(known.id))) {
        // Told like a wrong password: whoever stole this one does not learn that it is right.
        const fault = wrong(passkeys.possible)
        return refuse(visitor, { provider, person, fault, reason: 'identity.passkey_needed' })
      }
      await throttle.succeeded(name, visitor.address)
      const how = { at: clock.now(), amr: ['pwd'] }
      const admit = () => admitPerson(parts, { ...person, login: how })
      const principal = await admitted(admit, { visitor, provider, person })
      return enter(visitor, { principal, provider, returnTo: await landing(principal.id, returnTo), login: how })
    },
    async withPasskey(visitor, { browser, answer }) {
      await throttle.admitAnswer(visitor.address)
      let begun = false
      let whose: string | undefined
      const found = (principalId?: string) => {
        begun = true
        whose = principalId
      }
      const proved = await passkeys.proveSignIn({ browser, answer, found }).catch(async (error: unknown) => {
        // What answers nothing of ours anybody can send, as often as he likes: the ledger is not his to fill.
        const ours = begun && error instanceof Fault && error.code === 'identity.passkey_refused'
        if (!ours) throw error
        await throttle.answerTaken(visitor.address)
        const person = whose === undefined ? undefined : await findPrincipal(store, whose)
        return refuse(visitor, { provider, person, fault: error })
      })
      await throttle.answerTaken(visitor.address)
      const { login, returnTo, passkey } = proved
      const person = await findPrincipal(store, passkey.principalId)
      const principal = await admitted(() => admitKnown(person, login), { visitor, provider, person })
      return enter(visitor, { principal, provider, returnTo: await landing(principal.id, returnTo), login })
    },
    async withRecoveryCode(visitor, { login, password, code }) {
      requireLocal()
      const name = readLogin(login)
      await throttle.admit(name, visitor.address)
      const { principal: person, spend } = await own.checkCode({
        login: name,
        password: password.slice(0, 1_000),
        code,
      })
      const fault = new Fault(
        'identity.sign_in_failed',
        'cannot sign in: the login, the password or the recovery code is wrong, or the code was used',
      )
      if (spend === undefined) return refuse(visitor, { provider, person, fault })
      const how = { at: clock.now(), amr: ['pwd', 'otp', 'mfa'] }
      if (!(await spend())) return refuse(visitor, { provider, person, fault })
      await throttle.succeeded(name, visitor.address)
      const principal = await admitted(() => admitKnown(person, how), { visitor, provider, person })
      return enter(visitor, { principal, provider, returnTo: waysPath, login: how })
    },
  }
}

function readLogin(text: string): string {
  return text.normalize('NFKC').trim().toLowerCase().slice(0, 200)
}

function wrong(passkeysToo: boolean): Fault {
  const more = passkeysToo ? ', or a passkey is needed' : ''
  return new Fault('identity.sign_in_failed', `cannot sign in: the login or the password is wrong${more}`)
}
