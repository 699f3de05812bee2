import { Fault } from '../base/fault.ts'
import { clientAddressOf, type Door, readBody } from '../base/listen.ts'
import { formBytesMax } from '../base/limits.ts'
import { readJson } from '../base/json.ts'
import { passkeyRoutes } from './door/passkey.ts'
import {
  type DoorParts,
  enter,
  orRefuse,
  orShow,
  readFields,
  readForm,
  redirect,
  type Route,
  send,
  type Visit,
} from './door/visit.ts'
import { wayRoutes } from './door/ways.ts'
import { linkInvalid, type OpenInvitation } from './invitations.ts'
import { readNewcomer } from './login/newcomer.ts'
import { readReturnTo } from './login/return-to.ts'
import { joinPage } from './page/join.ts'
import { byLink } from './passkeys.ts'
import { onwardPage, signInPage, signOutPage } from './page/sign-in.ts'

/** Every page of this room. What is not here does not exist. */
export const identityRoutes: readonly Route[] = [
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
  ...passkeyRoutes,
  ...wayRoutes,
  ['GET', /^\/join\/([A-Za-z0-9_-]{43})\/with\/([a-z0-9-]{1,63})$/, beginJoin],
]

/** Opens the door of the sign-in, sign-out and invitation pages: plain HTML, and a script only where a passkey is asked for. */
export function openIdentityDoor(parts: DoorParts): Door {
  return {
    name: 'identity',
    match: (path) => /^\/(sign-in|sign-out|join|reset)(\/|$)/.test(path),
    async handle(req, res) {
      const url = new URL(req.url ?? '/', parts.origin)
      const found = identityRoutes.filter(([, path]) => path.test(url.pathname))
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
  const who = await parts.desk.whoIsHere(visit.req)
  if (who?.wanting && !visit.url.searchParams.has('again')) return redirect(visit.res, '/sign-in/ways')
  const browser = parts.browsers.meet(visit.req)
  const returnTo = readReturnTo(visit.url.searchParams.get('return_to'))
  const again = visit.url.searchParams.has('again')
  const shown = who && { name: who.principal.name, csrf: who.csrf, again }
  const { anew, ...more } = anewOf(visit.url.searchParams)
  const asked = anew ? { anew: more } : {}
  send(visit, {
    browser,
    text: signInPage({ ...offered(parts), ...asked, token: browser.token, returnTo, who: shown }),
  })
}

function offered({ idps, findByDomain, passkeys }: DoorParts) {
  return { idps, byDomain: findByDomain !== undefined, passkeys: passkeys.possible }
}

async function takeSignIn(parts: DoorParts, visit: Visit): Promise<void> {
  const { body, browser } = await readForm(parts, visit)
  const [login, password] = [body.get('login') ?? '', body.get('password') ?? '']
  const returnTo = readReturnTo(body.get('return_to'))
  const entered = await orShow(parts.logins.withPassword(visit, { login, password, returnTo }), (fault) => {
    const text = signInPage({ ...offered(parts), token: browser.token, returnTo, login, problem: fault.message })
    send(visit, { status: fault.status, browser, text })
  })
  if (entered) enter(visit, entered)
}

/** Whether a fresh login is wanted, and of which class: whoever wants it judges what comes of it. */
function anewOf(query: URLSearchParams): { anew: boolean; acr?: string } {
  const acr = query.get('acr') ?? ''
  return {
    anew: query.has('anew') || query.has('again'),
    ...(/^[\x21-\x7e]{1,200}(?: [\x21-\x7e]{1,200}){0,19}$/.test(acr) && { acr }),
  }
}

async function beginLogin(parts: DoorParts, visit: Visit): Promise<void> {
  const returnTo = visit.url.searchParams.get('return_to') ?? '/'
  await begin(parts, visit, { provider: visit.parts[0]!, returnTo, ...anewOf(visit.url.searchParams) })
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
      const asked = { provider, returnTo, hint: email, browser: browser.secret, ...anewOf(body) }
      const url = await parts.logins.begin(visit, asked)
      visit.res.setHeader('refresh', `0; url=${url}`)
      send(visit, { browser, text: onwardPage(name, url) })
    })
  }
  const problem = 'no company is known here by this e-mail address; choose another way to sign in'
  send(visit, {
    status: 404,
    browser,
    text: signInPage({ ...offered(parts), token: browser.token, returnTo, email, problem }),
  })
}

async function beginJoin(parts: DoorParts, visit: Visit): Promise<void> {
  const invitation = await findInvitation(parts, visit)
  await begin(parts, visit, { provider: visit.parts[1]!, returnTo: '/', link: invitation.id })
}

async function begin(
  parts: DoorParts,
  visit: Visit,
  what: { provider: string; returnTo: string; link?: string; anew?: boolean; acr?: string },
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
  if (keys === undefined) throw new Fault('base.not_found', 'there is nothing at this address')
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
    if (principal === undefined) return
    const login = { at: parts.clock.now(), amr: ['pwd', byLink] }
    enter(visit, await parts.logins.enter(visit, { principal, provider: 'local', returnTo: '/', login }))
  })
}

async function findInvitation(parts: DoorParts, visit: Visit): Promise<OpenInvitation> {
  const invitation = await parts.invitations.findInvitation(visit.parts[0]!)
  if (!invitation) throw linkInvalid()
  return invitation
}
