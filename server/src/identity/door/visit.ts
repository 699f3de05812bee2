import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/fault.ts'
import { formBytesMax } from '../../base/limits.ts'
import { readBody } from '../../base/listen.ts'
import type { Log } from '../../base/log.ts'
import { pageHeaders } from '../../base/page.ts'
import type { ClientKeys } from '../client-keys.ts'
import type { Idp } from '../idp.ts'
import type { InvitationDesk } from '../invitations.ts'
import type { Entered, Visitor } from '../login/entering.ts'
import type { Throttle } from '../login/throttle.ts'
import type { Logins } from '../login.ts'
import type { OwnLogin } from '../own-login.ts'
import { refusalPage } from '../page/refusal.ts'
import type { Passkeys } from '../passkeys.ts'
import type { PasswordHasher } from '../password.ts'
import { type Browser, type Browsers, checkOrigin, checkToken } from '../sign-in/forms.ts'
import type { SignInDesk, SignIns } from '../sign-ins.ts'

/** What the pages work with. */
export interface DoorParts {
  origin: string
  idps: readonly Idp[]
  /** Which provider an e-mail address leads to; absent where none does. */
  findByDomain: ((email: string) => string | undefined) | undefined
  logins: Logins
  signIns: SignIns
  desk: SignInDesk
  browsers: Browsers
  invitations: InvitationDesk
  hasher: PasswordHasher
  passkeys: Passkeys
  own: OwnLogin
  throttle: Throttle
  /** Absent where no provider knows us by keys: then there are none. */
  keys: ClientKeys | undefined
  log: Log
  clock: Clock
}

/** One request to one of the pages. */
export interface Visit extends Visitor {
  res: ServerResponse
  url: URL
  /** The changing parts of the path. */
  parts: string[]
}

/** An address of this door. */
export type Route = [method: 'GET' | 'POST', path: RegExp, handle: (parts: DoorParts, visit: Visit) => Promise<void>]

/** The fields of a form that a browser sends in which nobody need be signed in. */
export async function readForm(parts: DoorParts, visit: Visit): Promise<{ body: URLSearchParams; browser: Browser }> {
  checkOrigin(visit.req, parts.origin)
  const body = await readFields(visit.req)
  const browser = parts.browsers.know(visit.req)
  if (!browser)
    throw new Fault('identity.form_refused', 'cannot accept this form: the browser sent no cookie; load the page again')
  checkToken(body, browser.token)
  return { body, browser }
}

export async function readFields(req: IncomingMessage): Promise<URLSearchParams> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(req.headers['content-type'] ?? '')) {
    throw new Fault('base.bad_request', 'cannot read this form: it is not urlencoded', { status: 415 })
  }
  return new URLSearchParams(Buffer.from(await readBody(req, formBytesMax)).toString())
}

/** Shows the page again with what was wrong, when it is something that the person can mend there. */
export async function orShow<T>(work: Promise<T>, show: (fault: Fault) => void): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    const mendable =
      error instanceof Fault && error.code.startsWith('identity.') && error.code !== 'identity.link_invalid'
    if (!mendable) throw error
    show(error)
    return undefined
  }
}

/** Shows a page that says what went wrong, with the way back to where it can be tried again. */
export async function orRefuse(parts: DoorParts, visit: Visit, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof Fault) || !error.code.startsWith('identity.')) throw error
    if (error.code === 'identity.provider_failed') {
      parts.log.warn({ provider: visit.parts.at(-1), error }, 'a login at an identity provider failed')
    }
    if (error.code === 'identity.passkey_refused') parts.log.info({ error }, 'a passkey was refused')
    const { message, code, status, data } = error
    const page = visit.url.pathname.startsWith('/join/') ? `/join/${visit.parts[0]}` : '/sign-in'
    const start = typeof data?.['again'] === 'string' ? data['again'] : page
    const again = code === 'identity.link_invalid' ? undefined : start
    send(visit, { status, text: refusalPage({ title: 'That did not work', message, code, again }) })
  }
}

export function enter(visit: Visit, entered: Entered): void {
  visit.res.appendHeader('set-cookie', entered.cookie)
  redirect(visit.res, entered.returnTo)
}

export function send(visit: Visit, what: { status?: number; browser?: Browser; text: string; script?: boolean }): void {
  if (what.browser?.cookie) visit.res.appendHeader('set-cookie', what.browser.cookie)
  visit.res.writeHead(what.status ?? 200, pageHeaders({ script: what.script === true }))
  visit.res.end(what.text)
}

export function redirect(res: ServerResponse, location: string): void {
  res.writeHead(303, { location, 'cache-control': 'no-store' })
  res.end()
}
