import { Fault } from '../../base/fault.ts'
import type { SignedIn } from '../sign-ins.ts'
import { readReturnTo } from '../login/return-to.ts'
import { isStrong, wantsPasskey } from '../passkeys.ts'
import { passkeyPage } from '../page/passkey.ts'
import { codesPage, waysPage, waysPath } from '../page/ways.ts'
import { type DoorParts, orShow, readFields, redirect, type Route, send, type Visit } from './visit.ts'

/** How long after a sign-in the ways to sign in may be changed. */
const freshSeconds = 10 * 60

/** What a person changes of how he signs in. */
export const wayRoutes: Route[] = [
  ['GET', /^\/sign-in\/ways$/, showWays],
  ['POST', /^\/sign-in\/ways\/passkeys$/, beginAdding],
  ['POST', /^\/sign-in\/ways\/passkeys\/add$/, step('passkey-added', add)],
  ['POST', /^\/sign-in\/ways\/passkeys\/remove$/, step('passkey-removed', remove)],
  ['POST', /^\/sign-in\/ways\/only$/, step('only-set', setOnly)],
  ['POST', /^\/sign-in\/ways\/codes$/, makeCodes],
  ['POST', /^\/sign-in\/ways\/password$/, step('password-set', changePassword)],
]

/** What is said after something was done. Pages take only a key of this list from the address, never a text. */
const flashes = {
  'passkey-added': 'The passkey is added.',
  'passkey-removed': 'The passkey is removed. You are signed out everywhere else.',
  'only-set': 'It is set.',
  'password-set': 'The password is changed. You are signed out everywhere else.',
} as const

interface Here extends SignedIn {
  wanting: boolean
}

interface Given {
  here: Here
  body: URLSearchParams
}

async function showWays(parts: DoorParts, visit: Visit): Promise<void> {
  const here = await parts.desk.whoIsHere(visit.req)
  if (here === undefined) return redirect(visit.res, parts.signIns.signInUrl(waysPath))
  const key = visit.url.searchParams.get('done') ?? ''
  const done = Object.hasOwn(flashes, key) ? flashes[key as keyof typeof flashes] : undefined
  await show(parts, visit, { here, done })
}

async function show(
  parts: DoorParts,
  visit: Visit,
  given: { here: Here; done?: string | undefined; fault?: Fault },
): Promise<void> {
  const { here, done, fault } = given
  const { principal, csrf, wanting, login } = here
  const password = await parts.own.find(principal.id)
  const own = password && {
    login: password.login,
    passkeyOnly: password.passkeyOnly,
    passkeys: await parts.passkeys.list(principal.id),
    codesLeft: await parts.own.countCodes(principal.id),
  }
  const { possible } = parts.passkeys
  const next = readReturnTo(visit.url.searchParams.get('next'))
  const now = parts.clock.now()
  const more = { possible, wanting, fresh: isFresh(parts, here), strong: isStrong(login), now, next }
  const text = waysPage({
    name: principal.name,
    issuer: principal.issuer,
    csrf,
    own,
    ...more,
    done,
    problem: fault?.message,
  })
  send(visit, { text, ...(fault && { status: fault.status }) })
}

function isFresh({ clock }: DoorParts, { login }: Here): boolean {
  return clock.now() - login.at <= freshSeconds * 1_000
}

/** Reads a form of this page: of who is signed in here, and signed in a moment ago. */
async function readStep(parts: DoorParts, visit: Visit): Promise<Given | undefined> {
  const here = await parts.desk.whoIsHere(visit.req)
  const body = await readFields(visit.req)
  parts.signIns.checkForm(visit.req, body)
  if (here === undefined) {
    redirect(visit.res, parts.signIns.signInUrl(waysPath))
    return undefined
  }
  if (isFresh(parts, here)) return { here, body }
  const fault = new Fault(
    'identity.not_fresh',
    'cannot change this: your sign-in is older than 10 minutes; sign in again',
  )
  await show(parts, visit, { here, fault })
  return undefined
}

function step(
  done: keyof typeof flashes,
  take: (parts: DoorParts, visit: Visit, given: Given) => Promise<void>,
): Route[2] {
  return async (parts, visit) => {
    const given = await readStep(parts, visit)
    if (given === undefined) return
    const work = take(parts, visit, given).then(() => true)
    if (await orShowWays(parts, visit, { here: given.here, work })) redirect(visit.res, `${waysPath}?done=${done}`)
  }
}

async function orShowWays<T>(
  parts: DoorParts,
  visit: Visit,
  { here, work }: { here: Here; work: Promise<T> },
): Promise<T | undefined> {
  let shown: Promise<void> | undefined
  const result = await orShow(work, (fault) => {
    shown = show(parts, visit, { here, fault })
  })
  await shown
  return result
}

async function beginAdding(parts: DoorParts, visit: Visit): Promise<void> {
  const given = await readStep(parts, visit)
  if (given === undefined) return
  const { here, body } = given
  const { principal, signInId, csrf } = here
  await orShowWays(parts, visit, {
    here,
    work: (async () => {
      await prove(parts, visit, given)
      await parts.throttle.admitBeginning(visit.address)
      const options = await parts.passkeys.beginAdding({ principal, signInId, name: body.get('name') ?? '' })
      const action = `${waysPath}/passkeys/add`
      const text = passkeyPage({ what: 'make', options, action, fields: { csrf }, back: waysPath })
      send(visit, { text, script: true })
    })(),
  })
}

async function add(parts: DoorParts, _visit: Visit, { here, body }: Given): Promise<void> {
  const { principal, signInId, login } = here
  await parts.passkeys.add({ principal, signInId, answer: body.get('answer') ?? '', login })
}

// Whoever has a passkey that counts uses it. Who has none gives the password until now: a browser that was left open is not enough.
async function prove(parts: DoorParts, visit: Visit, given: Given): Promise<void> {
  if (isStrong(given.here.login)) return
  if (await parts.passkeys.has(given.here.principal.id)) throw wantsPasskey()
  await checkCurrent(parts, visit, given)
}

async function checkCurrent({ own, throttle }: DoorParts, visit: Visit, { here, body }: Given): Promise<void> {
  const login = (await own.find(here.principal.id))?.login ?? ''
  await throttle.admit(login, visit.address)
  await own.checkPassword(here.principal, body.get('current') ?? '')
  await throttle.succeeded(login, visit.address)
}

async function remove({ passkeys }: DoorParts, _visit: Visit, { here, body }: Given): Promise<void> {
  const { principal, signInId, login } = here
  await passkeys.remove({ principal, signInId, id: (body.get('id') ?? '').slice(0, 1_500), login })
}

async function setOnly({ passkeys }: DoorParts, _visit: Visit, { here, body }: Given): Promise<void> {
  if (!isStrong(here.login)) throw wantsPasskey()
  await passkeys.setOnly({ principal: here.principal, only: body.get('only') === 'yes' })
}

async function makeCodes(parts: DoorParts, visit: Visit): Promise<void> {
  const given = await readStep(parts, visit)
  if (given === undefined) return
  const { here } = given
  const codes = async () => {
    // They stand in for a passkey, so a password makes none.
    if (!isStrong(here.login)) throw wantsPasskey()
    await parts.throttle.admitCodes(here.principal.id)
    return parts.own.makeCodes(here.principal)
  }
  const made = await orShowWays(parts, visit, { here, work: codes() })
  if (made) send(visit, { text: codesPage(made) })
}

async function changePassword(parts: DoorParts, visit: Visit, given: Given): Promise<void> {
  const { principal, signInId, login, wanting } = given.here
  if (wanting) throw wantsPasskey()
  if (!isStrong(login)) await checkCurrent(parts, visit, given)
  await parts.own.changePassword({ principal, signInId, password: given.body.get('password') ?? '' })
}
