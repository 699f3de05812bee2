import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { formBytesMax } from '../base/limits.ts'
import { type Door, readBody } from '../base/listen.ts'
import { pageHeaders } from '../base/page.ts'
import type { Place } from '../inventory/bundle.ts'
import type { ArgumentLimits } from '../model/limits.ts'
import { findLack } from '../model/login.ts'
import type { Grant } from '../model/rights.ts'
import type { StoredClient } from '../store/clients.ts'
import type { Store } from '../store/store.ts'
import type { Admission } from './client/admission.ts'
import { consentedOf } from './client/consented.ts'
import type { Clients } from './clients.ts'
import { readConsentForm } from './consent/form.ts'
import { digestOfOffer, offerAsked, readMembers, type OfferedTool } from './consent/offer.ts'
import { unadmittedPage } from './consent/unadmitted.ts'
import { consentPage } from './consent/view.ts'
import { type Details, readDetails } from './details.ts'
import { openThrottle } from './endpoint/throttle.ts'
import { consentAgain, type Grants } from './grants.ts'
import { upstreamOf } from './metadata.ts'
import type { Catalogue, People, SignedIn } from './ports.ts'
import type { Engine, WaitingRequest } from './provider.ts'
import { grantedScope, type Scope, scopesFor } from './scopes.ts'

/** What the consent page needs. */
export interface ConsentParts {
  origin: string
  clock: Clock
  engine: Engine
  clients: Clients
  admission: Admission
  grants: Grants
  store: Store
  people: People
  catalogue: Catalogue
}

/** What one person sees of one request. */
interface Sight {
  waiting: WaitingRequest
  signedIn: SignedIn
  client: StoredClient
  place: Place
  earlier: Grant | undefined
  /** Whether what the person gave it ended because it became another one. */
  changed: boolean
  tools: OfferedTool[]
  shown: string
  asked: Scope[]
}

// Each writes a grant; a person gives a few in a day.
const answers = { name: 'answers', points: 120, seconds: 60 }
const address = /^\/consent\/([\w-]{10,64})$/

/**
 * The consent page, `/consent/<request>`: shown for every authorization, before anything is issued, and never skipped.
 *
 * Promise: a grant comes into being only by a form of this page, sent by the signed-in principal from the browser that
 * began the authorization, and holds exactly tools that the page offered, by the definitions that it offered them with.
 *
 * @see docs/decisions/0003-oidc-provider.md
 */
export function consentDoor(parts: ConsentParts): Door {
  const throttle = openThrottle(parts, answers)
  return {
    name: 'consent',
    match: (path) => address.test(path),
    handle: async (request, response) => {
      const uid = address.exec((request.url ?? '').split('?', 1)[0]!)?.[1] ?? ''
      if (request.method !== 'GET' && request.method !== 'POST') {
        response.writeHead(405, { allow: 'GET, POST' }).end()
        return
      }
      const waiting = await parts.engine.findWaiting(request, response, uid)
      const signedIn = await parts.people.whoIs(request)
      if (waiting.answered) return redirect(response, waiting.returnTo)
      if (signedIn === undefined) return redirect(response, parts.people.signInUrl(`/consent/${uid}`))
      if (await askLogin(parts, { waiting, signedIn, request, response })) return
      const client = await parts.clients.present(waiting.clientId)
      if (client !== undefined && client.state !== 'active') {
        if (request.method === 'POST') {
          await throttle(request)
          await answerUnadmitted(parts, { signedIn, client, request, response })
          return
        }
        const text = unadmittedPage({ uid, csrf: signedIn.csrf, client })
        response.writeHead(200, pageHeaders({ formActions: [waiting.redirectUri] })).end(text)
        return
      }
      const sight = await look(parts, waiting, signedIn)
      if (request.method === 'GET') return show(sight, response)
      await throttle(request)
      await answer(parts, sight, { request, response })
    },
  }
}

/**
 * Sees to it that the login behind the answer is what the client asks for: whose is not goes and signs in anew, once. Returns
 * whether the request was answered by that.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9470#section-5
 */
async function askLogin(
  parts: ConsentParts,
  of: { waiting: WaitingRequest; signedIn: SignedIn; request: IncomingMessage; response: ServerResponse },
): Promise<boolean> {
  const { waiting, signedIn, request, response } = of
  const { demand, begunAt } = waiting
  const lack = findLack(signedIn.login, demand, parts.clock.now())
  // A login since the request began is as fresh as it gets, whatever was asked for.
  if (lack === undefined || (lack === 'age' && signedIn.login.at >= begunAt)) return false
  const tried = new URL(request.url ?? '/', parts.origin).searchParams.has('tried')
  if (tried) {
    await parts.engine.answer(request, response, { unmet: true })
  } else {
    const acr = demand.acr === undefined ? '' : `&${new URLSearchParams({ acr: demand.acr.join(' ') }).toString()}`
    redirect(response, `${parts.people.signInUrl(`/consent/${waiting.uid}?tried`)}&again${acr}`)
  }
  return true
}

async function look(parts: ConsentParts, waiting: WaitingRequest, signedIn: SignedIn): Promise<Sight> {
  const now = parts.clock.now()
  const principalId = signedIn.principal.id
  const upstream = upstreamOf(parts.origin, waiting.resource) ?? ''
  const [client, place, grants] = await Promise.all([
    parts.clients.resolve(waiting.clientId),
    parts.catalogue.findPlace(upstream),
    parts.grants.list({ principalId, clientId: waiting.clientId, upstream, activeAt: now }),
  ])
  if (client === undefined || place?.open !== true) {
    throw new Fault('oauth.consent_ended', 'cannot go on with this request: the program or the server was withdrawn')
  }
  const earlier = grants[0]
  const asked = scopesFor(place.upstreams, waiting.scope)
  const members = await readMembers(parts.catalogue, place, principalId)
  const details = detailsOf(waiting)
  const tools = offerAsked({ place, members, earlier, now, asked, details })
  const said = { clientName: client.name, client: consentedOf(client), redirectUri: waiting.redirectUri }
  const shown = digestOfOffer({ ...said, upstream, tools })
  const last = earlier ?? (await parts.grants.list({ principalId, clientId: client.id, upstream }))[0]
  const changed = last?.revokedBecause === consentAgain
  return { waiting, signedIn, client, place, earlier, changed, tools, shown, asked }
}

function show(sight: Sight, response: ServerResponse, problem?: string): void {
  const { waiting, signedIn, client, place, earlier, changed, tools, shown } = sight
  const text = consentPage({
    uid: waiting.uid,
    csrf: signedIn.csrf,
    shown,
    who: signedIn.principal.name,
    client,
    redirectUri: waiting.redirectUri,
    place,
    tools,
    again: earlier !== undefined,
    changed,
    problem,
  })
  // Browsers hold the redirects that follow a form against this policy.
  response.writeHead(problem === undefined ? 200 : 422, pageHeaders({ formActions: [waiting.redirectUri] }))
  response.end(text)
}

async function answer(
  parts: ConsentParts,
  sight: Sight,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): Promise<void> {
  const body = new URLSearchParams(Buffer.from(await readBody(request, formBytesMax)).toString())
  parts.people.checkForm(request, body)
  const form = readConsentForm(body)
  const { waiting, signedIn, client, place, tools, shown } = sight
  if (form.answer === 'refuse') {
    await parts.engine.answer(request, response, { refused: true })
    return
  }
  // It was admitted since it was asked for.
  if (form.answer === 'ask') return show(sight, response)
  if (form.shown !== shown) {
    show(sight, response, 'Something changed while you were reading. Look again, then answer.')
    return
  }
  const offered = new Map(tools.map((tool) => [tool.path, tool.digest]))
  const chosen = new Map([...form.tools].flatMap((name) => (offered.has(name) ? [[name, offered.get(name)!]] : [])))
  if (chosen.size !== form.tools.size) {
    throw new Fault('oauth.request_refused', 'cannot give this: the form names a tool that was not offered')
  }
  if (chosen.size === 0) {
    show(sight, response, 'Choose at least one tool, or refuse.')
    return
  }
  const choice = {
    principalId: signedIn.principal.id,
    client: { id: client.id, name: client.name, digest: consentedOf(client) },
    upstream: place.name,
    tools: chosen,
    limits: limitsOf(tools, chosen),
    ...(waiting.scope !== '' && {
      scope: grantedScope(
        sight.asked,
        tools.map((tool) => ({ ...tool, given: chosen.has(tool.path) })),
      ),
    }),
    durationSeconds: form.durationSeconds,
    replaces: form.replaces,
    login: signedIn.login,
  }
  const { principalId } = choice
  const grant = await parts.grants.give(choice, async (tx) => {
    if (!(await parts.people.standsWithin(tx, { principalId, signInId: signedIn.signInId })))
      throw new Fault('oauth.consent_ended', 'cannot give this: your sign-in ended meanwhile')
    await parts.engine.takeAnswer(tx, waiting.uid)
    await parts.clients.useWithin(tx, client)
  })
  await parts.engine.answer(request, response, { principalId, grantId: grant.id })
}

function detailsOf({ details, resource }: WaitingRequest): Details | undefined {
  if (details === undefined) return undefined
  const read = readDetails(details, resource)
  if ('problem' in read)
    throw new Fault('oauth.request_refused', `cannot read \`authorization_details\`: ${read.problem}`)
  return read
}

function limitsOf(tools: readonly OfferedTool[], chosen: ReadonlyMap<string, string>): Map<string, ArgumentLimits> {
  return new Map(
    tools.flatMap(({ path, limits }) => (limits !== undefined && chosen.has(path) ? [[path, limits]] : [])),
  )
}

/** Of a client that is not admitted nothing can be given: its people can only ask for it, or go back. */
async function answerUnadmitted(
  parts: ConsentParts,
  of: { signedIn: SignedIn; client: StoredClient; request: IncomingMessage; response: ServerResponse },
): Promise<void> {
  const { signedIn, client, request, response } = of
  const body = new URLSearchParams(Buffer.from(await readBody(request, formBytesMax)).toString())
  parts.people.checkForm(request, body)
  const form = readConsentForm(body)
  if (form.answer === 'refuse') return parts.engine.answer(request, response, { refused: true })
  if (form.answer === 'ask' && client.state === 'waiting') await parts.admission.ask(signedIn.principal.id, client)
  redirect(response, (request.url ?? '/').split('?', 1)[0]!)
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { location, 'cache-control': 'no-store' }).end()
}
