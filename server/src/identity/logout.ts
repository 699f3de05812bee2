import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { digestOf } from '../base/ids.ts'
import { formBytesMax } from '../base/limits.ts'
import { clientAddressOf, type Door, readBody } from '../base/listen.ts'
import type { Log } from '../base/log.ts'
import { endedByProvider } from '../model/rights.ts'
import { revokeOperatorKeysOf } from '../store/operator-keys.ts'
import { findPrincipalBySubject } from '../store/principals.ts'
import { deleteSignInsOf, deleteSignInsOfSession, findPrincipalIdsOfSession } from '../store/sign-ins.ts'
import { spend } from '../store/spent.ts'
import type { Handle, Store } from '../store/store.ts'
import type { LoggedOut, LogoutIdp } from './idp.ts'
import type { Throttle } from './login/throttle.ts'
import { voidEarlier, voidEarlierOf } from './login/void.ts'
import type { IdentityLedger } from './records.ts'
import type { EndGrants } from './withdraw.ts'

interface LogoutParts {
  store: Store
  ledger: IdentityLedger
  clock: Clock
  log: Log
  throttle: Throttle
  endGrants: EndGrants
  idps: readonly LogoutIdp[]
}

const path = /^\/sign-in\/backchannel-logout\/([a-z0-9-]{1,63})$/

/**
 * Opens the door at which identity providers say, without a browser, that somebody has logged out there.
 *
 * Promise: when it answers 200, the sign-ins that came out of that session, or all of that person, have ended, and with
 * `logoutEndsGrants` his grants and operator keys; the ledger says so. It never says whether anybody is known here.
 *
 * @see https://openid.net/specs/openid-connect-backchannel-1_0.html
 */
export function logoutDoor(parts: LogoutParts): Door {
  const { throttle, log } = parts
  return {
    name: 'logout',
    match: (raw) => path.test(raw),
    async handle(req, res) {
      const id = path.exec(new URL(req.url ?? '/', 'http://sallyport').pathname)?.[1]
      const idp = parts.idps.find((one) => one.id === id)
      if (idp === undefined) throw new Fault('base.not_found', 'there is nothing at this address')
      if (req.method !== 'POST') {
        res.setHeader('allow', 'POST')
        throw new Fault('base.bad_request', 'this address does not take that method', { status: 405 })
      }
      const address = clientAddressOf(req)
      await throttle.admitSignal(address)
      try {
        await endLoggedOut(parts, idp, await idp.readLogout(await readToken(req)))
        await throttle.signalTaken(address)
        res.writeHead(200, { 'cache-control': 'no-store' }).end()
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== 'identity.logout_refused') throw error
        log.warn({ provider: id, address, why: error.message }, 'a logout token was refused')
        refuse(res, error)
      }
    },
  }
}

async function readToken(req: IncomingMessage): Promise<string> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(req.headers['content-type'] ?? ''))
    throw new Fault('identity.logout_refused', 'cannot take this: it is not urlencoded')
  const tokens = new URLSearchParams(Buffer.from(await readBody(req, formBytesMax)).toString()).getAll('logout_token')
  if (tokens.length !== 1) throw new Fault('identity.logout_refused', 'cannot take this: `logout_token` must come once')
  return tokens[0]!
}

/** Ends what a provider has logged out, once for each token. */
async function endLoggedOut(parts: LogoutParts, idp: LogoutIdp, out: LoggedOut): Promise<void> {
  const { store, clock } = parts
  const { issuer, logoutEndsGrants } = idp
  const { subject, session } = out
  const people = await findPeople(store, issuer, out)
  const reason = `back-channel logout of ${idp.id}`
  const change = {
    by: `provider:${idp.id}`,
    what: logoutEndsGrants && people.length > 0 ? ('principal.signed_out' as const) : ('sign_in.ended' as const),
    about: aboutOf(people),
    reason,
    details: { issuer, jti: out.jti, ...(session !== undefined && { session: digestOf(session) }) },
  }
  const record = parts.ledger.recordChange(change, async (tx) => {
    const id = digestOf(JSON.stringify([issuer, out.jti]))
    if (!(await spend(tx, { purpose: 'logout', id, until: out.until, now: clock.now() })))
      throw new Fault('identity.logout_refused', 'cannot take this logout token: it was taken before')
    for (const one of people) await voidEarlier(tx, one, clock.now())
    if (subject !== undefined) await voidEarlierOf(tx, { issuer, subject }, clock.now())
    if (session !== undefined) await voidEarlierOf(tx, { issuer, session }, clock.now())
    // From here on nobody comes in by it. Who did a moment ago belongs into the entry, and loses what the others lose.
    if ((await findPeople(tx, issuer, out)).length > people.length) throw new CameIn()
    if (session !== undefined) await deleteSignInsOfSession(tx, { provider: idp.id, session })
    else for (const one of people) await deleteSignInsOf(tx, one)
    if (logoutEndsGrants) for (const one of people) await endAll(parts, tx, { principalId: one, reason })
  })
  await record.catch((error: unknown) => {
    if (error instanceof CameIn) return endLoggedOut(parts, idp, out)
    throw error
  })
}

/** Somebody came in by what was being ended. */
class CameIn extends Error {}

/** Whom a logout concerns, each once. */
async function findPeople(handle: Handle, issuer: string, { subject, session }: LoggedOut): Promise<string[]> {
  const named = subject === undefined ? undefined : await findPrincipalBySubject(handle, issuer, subject)
  const found = session === undefined ? [] : await findPrincipalIdsOfSession(handle, { issuer, session })
  return [...new Set([...(named ? [named.id] : []), ...found])]
}

async function endAll(
  { endGrants, clock }: LogoutParts,
  tx: Handle,
  { principalId, reason }: { principalId: string; reason: string },
): Promise<void> {
  await endGrants(tx, principalId, `${endedByProvider}: ${reason}`)
  await revokeOperatorKeysOf(tx, principalId, clock.now())
}

/** Whom the news concern: of several all who are open are asked. */
function aboutOf(people: readonly string[]): { kind: 'principal' | 'sign-in'; id?: string } {
  if (people.length === 0) return { kind: 'sign-in' }
  return people.length === 1 ? { kind: 'principal', id: people[0]! } : { kind: 'principal' }
}

function refuse(res: ServerResponse, fault: Fault): void {
  const body = JSON.stringify({ error: 'invalid_request', error_description: fault.message })
  res.writeHead(400, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  res.end(body)
}
