import { linkInvalid } from '../invitations.ts'
import { readReturnTo } from '../login/return-to.ts'
import { passkeyPage } from '../page/passkey.ts'
import { recoveryPage, resetPage } from '../page/recovery.ts'
import { script } from '../page/script.ts'
import { byLink } from '../passkeys.ts'
import { type DoorParts, enter, orRefuse, orShow, readForm, type Route, send, type Visit } from './visit.ts'

/** The ways in of who has no password at hand, or more than one. */
export const passkeyRoutes: Route[] = [
  ['GET', new RegExp(`^${script.path.replaceAll('.', '\\.')}$`), sendScript],
  ['POST', /^\/sign-in\/passkey\/begin$/, begin],
  ['POST', /^\/sign-in\/passkey$/, complete],
  ['GET', /^\/sign-in\/recovery$/, showRecovery],
  ['POST', /^\/sign-in\/recovery$/, takeRecovery],
  ['GET', /^\/reset\/([A-Za-z0-9_-]{43})$/, showReset],
  ['POST', /^\/reset\/([A-Za-z0-9_-]{43})$/, takeReset],
]

async function sendScript(_parts: DoorParts, { res }: Visit): Promise<void> {
  res.writeHead(200, { ...script.headers, 'content-length': Buffer.byteLength(script.text) })
  res.end(script.text)
}

async function begin(parts: DoorParts, visit: Visit): Promise<void> {
  const { body, browser } = await readForm(parts, visit)
  await orRefuse(parts, visit, async () => {
    await parts.throttle.admitBeginning(visit.address)
    const returnTo = readReturnTo(body.get('return_to'))
    const options = await parts.passkeys.beginSignIn({ browser: browser.secret, returnTo })
    const fields = { csrf: browser.token }
    const back = parts.signIns.signInUrl(returnTo)
    const text = passkeyPage({ what: 'use', options, action: '/sign-in/passkey', fields, back })
    send(visit, { text, script: true })
  })
}

async function complete(parts: DoorParts, visit: Visit): Promise<void> {
  const { body, browser } = await readForm(parts, visit)
  await orRefuse(parts, visit, async () => {
    const answer = body.get('answer') ?? ''
    enter(visit, await parts.logins.withPasskey(visit, { browser: browser.secret, answer }))
  })
}

async function showRecovery(parts: DoorParts, visit: Visit): Promise<void> {
  const browser = parts.browsers.meet(visit.req)
  send(visit, { browser, text: recoveryPage({ token: browser.token }) })
}

async function takeRecovery(parts: DoorParts, visit: Visit): Promise<void> {
  const { body, browser } = await readForm(parts, visit)
  const [login, password, code] = ['login', 'password', 'code'].map((name) => body.get(name) ?? '')
  const fields = { login: login!, password: password!, code: code! }
  const entered = await orShow(parts.logins.withRecoveryCode(visit, fields), (fault) => {
    const text = recoveryPage({ token: browser.token, login: fields.login, problem: fault.message })
    send(visit, { status: fault.status, text })
  })
  if (entered) enter(visit, entered)
}

async function showReset(parts: DoorParts, visit: Visit): Promise<void> {
  await orRefuse(parts, visit, async () => {
    const reset = await findReset(parts, visit)
    const browser = parts.browsers.meet(visit.req)
    const text = resetPage({ path: visit.url.pathname, token: browser.token, login: reset.login })
    send(visit, { browser, text })
  })
}

async function takeReset(parts: DoorParts, visit: Visit): Promise<void> {
  const { body, browser } = await readForm(parts, visit)
  await orRefuse(parts, visit, async () => {
    const reset = await findReset(parts, visit)
    const principal = await orShow(parts.own.acceptReset(reset.id, body.get('password') ?? ''), (fault) => {
      const { pathname: path } = visit.url
      const text = resetPage({ path, token: browser.token, login: reset.login, problem: fault.message })
      send(visit, { status: fault.status, text })
    })
    if (principal === undefined) return
    const login = { at: parts.clock.now(), amr: ['pwd', byLink] }
    enter(visit, await parts.logins.enter(visit, { principal, provider: 'local', returnTo: '/', login }))
  })
}

async function findReset(parts: DoorParts, visit: Visit) {
  const offered = parts.idps.some((idp) => idp.way === 'form')
  const reset = offered ? await parts.own.findReset(visit.parts[0]!) : undefined
  if (reset === undefined) throw linkInvalid()
  return reset
}
