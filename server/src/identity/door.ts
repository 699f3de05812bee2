import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault } from '../base/fault.ts'
import { clientAddressOf, type Door, readBody } from '../base/listen.ts'
import { formBytesMax } from '../base/limits.ts'
import { readJson } from '../base/json.ts'
import type { Log } from '../base/log.ts'
import { pageHeaders } from '../base/page.ts'
import type { ClientKeys } from './client-keys.ts'
import type { Idp } from './idp.ts'
import { type InvitationDesk, linkInvalid, type OpenInvitation } from './invitations.ts'
import { readNewcomer } from './login/newcomer.ts'
import { readReturnTo } from './login/return-to.ts'
import type { Entered, Logins, Visitor } from './login.ts'
import { joinPage } from './page/join.ts'
import { refusalPage } from './page/refusal.ts'
import { onwardPage, signInPage, signOutPage } from './page/sign-in.ts'
import type { PasswordHasher } from './password.ts'
import { type Browser, type Browsers, checkOrigin, checkToken } from './sign-in/forms.ts'
import type { SignInDesk, SignIns } from './sign-ins.ts'

interface DoorParts {
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
  keys: ClientKeys
  log: Log
}

/** One request to one of the pages. */
interface Visit extends Visitor {
  res: ServerResponse
  url: URL
  /** The changing parts of the path. */
  parts: string[]
}

type Route = [method: 'GET' | 'POST', path: RegExp, handle: (parts: DoorParts, visit: Visit) => Promise<void>]

/** Every page of this room. What is not here does not exist. */
const routes: Route[] = [
  ['GET', /^\/sign-in$/, showSignIn],
  ['POST', /^\/sign-in$/, takeSignIn],
  ['GET', /^\/sign-in\/with\/([a-z0-9-]{1,63})$/, beginLogin],
  ['GET', /^\/sign-in\/callback\/([a-z0-9-]{1,63})$/, completeLogin],
  ['POST', /^\/sign-in\/vouch\/([a-z0-9-]{1,63})$/, takeVouch],
  ['POST', /^\/sign-in\/find$/, findProvider],
  ['GET', /^\/sign-in\/keys$/, showKeys],
  ['GET', /^\/sign-out$/, showSignOut],
  ['POST', /^\/sign-out$/, takeSignOut],
  ['GET', /^\/join\/([A-Za-z0-9_-]{43})$/, showJoin],
  ['POST', /^\/join\/([A-Za-z0-9_-]{43})$/, takeJoin],
  ['GET', /^\/join\/([A-Za-z0-9_-]{43})\/with\/([a-z0-9-]{1,63})$/, beginJoin],
]

/** Opens the door of the sign-in, sign-out and invitation pages: plain HTML, no script. */
export function openIdentityDoor(parts: DoorParts): Door {
  return {
    name: 'identity',
    match: (path) => /^\/(sign-in|sign-out|join)(\/|$)/.test(path),
    async handle(req, res) {
      const url = new URL(req.url ?? '/', parts.origin)
      const found = routes.filter(([, path]) => path.test(url.pathname))
      if (found.length === 0) throw new Fault('base.not_found', 'there is nothing at this address')
      const method = req.method === 'HEAD' ? 'GET' : req.method
      const route = found.find(([known]) => known === method)
      if (!route) {
        res.setHeader('allow', found.map(([known]) => known).join(', '))
        throw new Fault('base.bad_request', 'this address does not take that method', { status: 405 })
      }
      const captured = route[1].exec(url.pathname)!.slice(1)
      await route[2](parts, { req, res, url, parts: captured, address: clientAddressOf(req) })
    },
  }
}

async function showSignIn(parts: DoorParts, visit: Visit): Promise<void> {
  const who = await parts.signIns.whoIs(visit.req)
  const browser = parts.browsers.meet(visit.req)
  const returnTo = readReturnTo(visit.url.searchParams.get('return_to'))
  const shown = who && { name: who.principal.name, csrf: who.csrf }
  send(visit, {
    browser,
    text: signInPage({
      idps: parts.idps,
      byDomain: parts.findByDomain !== undefined,
      token: browser.token,
      returnTo,
      who: shown,
    }),
  })
}

async function takeSignIn(parts: DoorParts, visit: Visit): Promise<void> {
  const { body, browser } = await readForm(parts, visit)
  const [login, password] = [body.get('login') ?? '', body.get('password') ?? '']
  const returnTo = readReturnTo(body.get('return_to'))
  const entered = await orShow(parts.logins.withPassword(visit, { login, password, returnTo }), (fault) => {
    const text = signInPage({
      idps: parts.idps,
      byDomain: parts.findByDomain !== undefined,
      token: browser.token,
      returnTo,
      login,
      problem: fault.message,
    })
    send(visit, { status: fault.status, browser, text })
  })
  if (entered) enter(visit, entered)
}

async function beginLogin(parts: DoorParts, visit: Visit): Promise<void> {
  const returnTo = visit.url.searchParams.get('return_to') ?? '/'
  await begin(parts, visit, { provider: visit.parts[0]!, returnTo, anew: visit.url.searchParams.has('anew') })
}

// By the domain alone: what is answered is the same for everybody of it, known here or not.
async function findProvider(parts: DoorParts, visit: Visit): Promise<void> {
  const { body, browser } = await readForm(parts, visit)
  const email = (body.get('email') ?? '').slice(0, 254)
  const returnTo = readReturnTo(body.get('return_to'))
  const provider = parts.findByDomain?.(email)
  if (provider !== undefined) {
    const name = parts.idps.find((idp) => idp.id === provider)?.name ?? provider
    // Browsers hold the redirects that follow a form against the page's policy, at the provider's own providers as well: so the
    // form ends here, and the page goes on.
    return orRefuse(parts, visit, async () => {
      const url = await parts.logins.begin(visit, { provider, returnTo, hint: email, browser: browser.secret })
      visit.res.setHeader('refresh', `0; url=${url}`)
      send(visit, { browser, text: onwardPage(name, url) })
    })
  }
  const problem = 'no company is known here by this e-mail address; choose another way to sign in'
  const shown = { idps: parts.idps, byDomain: parts.findByDomain !== undefined }
  send(visit, { status: 404, browser, text: signInPage({ ...shown, token: browser.token, returnTo, email, problem }) })
}

async function beginJoin(parts: DoorParts, visit: Visit): Promise<void> {
  const invitation = await findInvitation(parts, visit)
  await begin(parts, visit, { provider: visit.parts[1]!, returnTo: '/', link: invitation.id })
}

async function begin(
  parts: DoorParts,
  visit: Visit,
  what: { provider: string; returnTo: string; link?: string; anew?: boolean },
): Promise<void> {
  // No other site may begin a login of ours; a browser that does not say where it comes from is let through, for what it
  // begins it must also complete.
  const site = visit.req.headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return redirect(visit.res, what.link ? `/join/${visit.parts[0]}` : parts.signIns.signInUrl(what.returnTo))
  }
  const browser = parts.browsers.meet(visit.req)
  await orRefuse(parts, visit, async () => {
    const url = await parts.logins.begin(visit, { ...what, browser: browser.secret })
    if (browser.cookie) visit.res.appendHeader('set-cookie', browser.cookie)
    redirect(visit.res, url)
  })
}

async function completeLogin(parts: DoorParts, visit: Visit): Promise<void> {
  const browser = parts.browsers.know(visit.req)?.secret
  await orRefuse(parts, visit, async () => {
    enter(visit, await parts.logins.complete(visit, { provider: visit.parts[0]!, browser, url: visit.url }))
  })
}

// Not a page: the backend of an application calls it, and proves itself by its secret; cookies count for nothing.
async function takeVouch(parts: DoorParts, visit: Visit): Promise<void> {
  const { req, res } = visit
  if (!/^application\/json\s*(;|$)/i.test(req.headers['content-type'] ?? '')) {
    throw new Fault('base.bad_request', 'cannot read this: it must be `application/json`', { status: 415 })
  }
  const body = readJson(await readBody(req, formBytesMax), { bytesMax: formBytesMax })
  const { authorization } = req.headers
  const redirectUri = await parts.logins
    .vouch(visit, { provider: visit.parts[0]!, authorization, body })
    .catch((error: unknown) => {
      if (error instanceof Fault && error.status === 401) {
        res.setHeader('www-authenticate', 'Bearer')
        parts.log.warn({ provider: visit.parts[0], address: visit.address }, 'a backend did not prove who it is')
      }
      throw error
    })
  res.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  res.end(JSON.stringify({ redirect_uri: redirectUri }))
}

// For identity providers that know us by our keys: public, and kept by them for as long as they like.
async function showKeys({ keys }: DoorParts, { res }: Visit): Promise<void> {
  res.writeHead(200, { 'content-type': 'application/jwk-set+json', 'cache-control': 'public, max-age=300' })
  res.end(JSON.stringify(await keys.published()))
}

async function showSignOut(parts: DoorParts, visit: Visit): Promise<void> {
  const who = await parts.signIns.whoIs(visit.req)
  send(visit, { text: signOutPage(who && { name: who.principal.name, csrf: who.csrf }) })
}

async function takeSignOut(parts: DoorParts, visit: Visit): Promise<void> {
  parts.signIns.checkForm(visit.req, await readFields(visit.req))
  visit.res.appendHeader('set-cookie', await parts.desk.stop(visit.req))
  redirect(visit.res, '/sign-out')
}

async function showJoin(parts: DoorParts, visit: Visit): Promise<void> {
  await orRefuse(parts, visit, async () => {
    const invitation = await findInvitation(parts, visit)
    const who = (await parts.signIns.whoIs(visit.req))?.principal.name
    const browser = parts.browsers.meet(visit.req)
    const text = joinPage({ invitation, path: visit.url.pathname, idps: parts.idps, token: browser.token, who })
    send(visit, { browser, text })
  })
}

async function takeJoin(parts: DoorParts, visit: Visit): Promise<void> {
  const { body, browser } = await readForm(parts, visit)
  await orRefuse(parts, visit, async () => {
    if (!parts.idps.some((idp) => idp.way === 'form')) throw linkInvalid()
    const invitation = await findInvitation(parts, visit)
    const principal = await orShow(
      (async () => {
        const { password, ...given } = readNewcomer(body)
        const passwordHash = await parts.hasher.hash(password)
        return parts.invitations.acceptInvitation(invitation.id, { ...given, passwordHash })
      })(),
      (fault) => {
        const typed = { name: body.get('name') ?? '', login: body.get('login') ?? '' }
        const { pathname: path } = visit.url
        const text = joinPage({
          invitation,
          path,
          idps: parts.idps,
          token: browser.token,
          typed,
          problem: fault.message,
        })
        send(visit, { status: fault.status, browser, text })
      },
    )
    if (principal) enter(visit, await parts.logins.enter(visit, { principal, provider: 'local', returnTo: '/' }))
  })
}

async function findInvitation(parts: DoorParts, visit: Visit): Promise<OpenInvitation> {
  const invitation = await parts.invitations.findInvitation(visit.parts[0]!)
  if (!invitation) throw linkInvalid()
  return invitation
}

/** The fields of a form that a browser sends in which nobody need be signed in. */
async function readForm(parts: DoorParts, visit: Visit): Promise<{ body: URLSearchParams; browser: Browser }> {
  checkOrigin(visit.req, parts.origin)
  const body = await readFields(visit.req)
  const browser = parts.browsers.know(visit.req)
  if (!browser)
    throw new Fault('identity.form_refused', 'cannot accept this form: the browser sent no cookie; load the page again')
  checkToken(body, browser.token)
  return { body, browser }
}

async function readFields(req: IncomingMessage): Promise<URLSearchParams> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(req.headers['content-type'] ?? '')) {
    throw new Fault('base.bad_request', 'cannot read this form: it is not urlencoded', { status: 415 })
  }
  return new URLSearchParams(Buffer.from(await readBody(req, formBytesMax)).toString())
}

/** Shows the page again with what was wrong, when it is something that the person can mend there. */
async function orShow<T>(work: Promise<T>, show: (fault: Fault) => void): Promise<T | undefined> {
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
async function orRefuse(parts: DoorParts, visit: Visit, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof Fault) || !error.code.startsWith('identity.')) throw error
    if (error.code === 'identity.provider_failed') {
      parts.log.warn({ provider: visit.parts.at(-1), error }, 'a login at an identity provider failed')
    }
    const { message, code, status, data } = error
    const page = visit.url.pathname.startsWith('/join/') ? `/join/${visit.parts[0]}` : '/sign-in'
    const start = typeof data?.['again'] === 'string' ? data['again'] : page
    const again = code === 'identity.link_invalid' ? undefined : start
    send(visit, { status, text: refusalPage({ title: 'That did not work', message, code, again }) })
  }
}

function enter(visit: Visit, entered: Entered): void {
  visit.res.appendHeader('set-cookie', entered.cookie)
  redirect(visit.res, entered.returnTo)
}

function send(visit: Visit, what: { status?: number; browser?: Browser; text: string }): void {
  if (what.browser?.cookie) visit.res.appendHeader('set-cookie', what.browser.cookie)
  visit.res.writeHead(what.status ?? 200, pageHeaders())
  visit.res.end(what.text)
}

function redirect(res: ServerResponse, location: string): void {
  res.writeHead(303, { location, 'cache-control': 'no-store' })
  res.end()
}
