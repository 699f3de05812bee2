import type { IncomingMessage } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { digestOf, makeSecret } from '../base/ids.ts'
import type { Login } from '../model/login.ts'
import type { Principal } from '../model/principal.ts'
import { findPrincipal, lockPrincipal } from '../store/principals.ts'
import { deleteExpiredSignIns, deleteSignIn, deleteSignInsOf, findSignIn, insertSignIn } from '../store/sign-ins.ts'
import type { Handle, Store } from '../store/store.ts'
import type { Brought } from './idp.ts'
import type { KeptLoginDesk } from './kept-logins.ts'
import { readReturnTo } from './login/return-to.ts'
import { type Begun, checkNotVoid, endedMeanwhile, holdOpen } from './login/void.ts'
import { isStrong, type Passkeys } from './passkeys.ts'
import { checkActive } from './principals.ts'
import { openCookies } from './sign-in/cookies.ts'
import { checkOrigin, checkToken, type FormBody, signedInToken } from './sign-in/forms.ts'

/** How long a sign-in lasts, whatever is done with it. */
export const signInSeconds = 8 * 60 * 60

/** A browser in which a principal is signed in. */
export interface SignedIn {
  principal: Principal
  /** The digest of the cookie's secret: safe to show and to record. */
  signInId: string
  /** What each form of this browser must carry in its field `csrf`. */
  csrf: string
  /** How and when it was proved who he is. */
  login: Login
  /** When that was; where a provider does not say it, when it was said here. */
  provedAt: number
}

/** Who is signed in, as the pages of every room ask it. */
export interface SignIns {
  /** The principal who is signed in, if the sign-in lasts, he is active, and a passkey is behind it where one is demanded. */
  whoIs(req: IncomingMessage): Promise<SignedIn | undefined>
  /**
   * Checks that a form comes from a page of ours, in the browser that is signed in. Call it on every POST, after `whoIs`.
   *
   * @param body The fields, `csrf` among them.
   * @throws {Fault} `identity.form_refused` otherwise; do nothing then.
   */
  checkForm(req: IncomingMessage, body: FormBody): void
  /** The path of the sign-in page that leads back to a path of ours; to `/` if `returnTo` is anything else. */
  signInUrl(returnTo: string): string
  /** Ends all sign-ins of a principal within a transaction. */
  endSignIns(tx: Handle, principalId: string): Promise<void>
}

/** Makes and ends the sign-in of one browser: for this room's door only. */
export interface SignInDesk {
  /**
   * Signs a principal in under a new secret and ends what the browser held before.
   *
   * Promise: whoever takes something from the principal meanwhile ends this sign-in with the others, or it does not begin.
   *
   * @param given `id` and `secret` come from `mint`, so that the login can be recorded before it takes effect.
   * @returns the `Set-Cookie` value.
   * @throws {Fault} `identity.disabled`, `identity.must_sign_in_anew`, or `identity.sign_in_failed` if what was `begun` is
   *   void.
   */
  start(
    req: IncomingMessage,
    given: {
      principalId: string
      provider: string
      secret: string
      login: Login
      brought?: Brought | undefined
      session?: string | undefined
      begun?: Begun | undefined
    },
  ): Promise<string>
  /** Who is signed in here, also he whom `whoIs` hides because a passkey is `wanting`: all he may do is to add one. */
  whoIsHere(req: IncomingMessage): Promise<(SignedIn & { wanting: boolean }) | undefined>
  /** Ends the sign-in of this browser; returns the `Set-Cookie` value that clears it. */
  stop(req: IncomingMessage): Promise<string>
  /** A new secret and its id. */
  mint(): { secret: string; id: string }
}

/** Opens the sign-ins of one origin, and the desk that makes them. */
export function openSignIns(parts: {
  store: Store
  clock: Clock
  origin: string
  kept: KeptLoginDesk
  passkeys: Pick<Passkeys, 'demanded'>
}): {
  signIns: SignIns
  desk: SignInDesk
} {
  const { store, clock } = parts
  const cookies = openCookies(parts.origin)
  const secretOf = (req: IncomingMessage) => cookies.read(req, 'sallyport')

  async function whoIsHere(req: IncomingMessage): Promise<(SignedIn & { wanting: boolean }) | undefined> {
    const secret = secretOf(req)
    if (!secret) return undefined
    const signIn = await findSignIn(store, digestOf(secret), clock.now())
    const principal = signIn && (await findPrincipal(store, signIn.principalId))
    if (principal?.state !== 'active') return undefined
    const login = signIn!.login ?? { at: signIn!.createdAt, amr: [] }
    const wanting = !isStrong(login) && (await parts.passkeys.demanded(principal))
    const provedAt = login.at > 0 ? login.at : signIn!.createdAt
    return { principal, signInId: signIn!.id, csrf: signedInToken(secret), login, provedAt, wanting }
  }

  const signIns: SignIns = {
    async whoIs(req) {
      const here = await whoIsHere(req)
      if (here === undefined || here.wanting) return undefined
      const { wanting: _, ...signedIn } = here
      return signedIn
    },
    checkForm(req, body) {
      checkOrigin(req, parts.origin)
      const secret = secretOf(req)
      if (!secret) throw new Fault('identity.form_refused', 'cannot accept this form: nobody is signed in')
      checkToken(body, signedInToken(secret))
    },
    signInUrl(returnTo) {
      const path = readReturnTo(returnTo)
      return path === '/' ? '/sign-in' : `/sign-in?return_to=${encodeURIComponent(path)}`
    },
    endSignIns: (tx, principalId) => deleteSignInsOf(tx, principalId),
  }
  const desk: SignInDesk = {
    whoIsHere,
    async start(req, { principalId, provider, secret, login, brought, session, begun }) {
      const before = secretOf(req)
      const now = clock.now()
      await store.transaction(async (tx) => {
        const principal = await lockPrincipal(tx, principalId)
        if (principal !== undefined) checkActive(principal)
        if (principal === undefined) throw endedMeanwhile()
        for (const named of begun?.names ?? []) await holdOpen(tx, named)
        await checkNotVoid(tx, begun)
        if (before) await deleteSignIn(tx, digestOf(before))
        await deleteExpiredSignIns(tx, now)
        const expiresAt = now + signInSeconds * 1_000
        const signInId = digestOf(secret)
        await insertSignIn(tx, { id: signInId, principalId, provider, createdAt: now, expiresAt, login, session })
        if (brought !== undefined) await parts.kept.keep(tx, { principalId, provider, signInId, brought })
      })
      return cookies.write('sallyport', secret, signInSeconds)
    },
    async stop(req) {
      const secret = secretOf(req)
      if (secret) await deleteSignIn(store, digestOf(secret))
      return cookies.clear('sallyport')
    },
    mint() {
      const secret = makeSecret()
      return { secret, id: digestOf(secret) }
    },
  }
  return { signIns, desk }
}
