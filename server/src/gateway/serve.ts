import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { makeId } from '../base/ids.ts'
import { readJson } from '../base/json.ts'
import { bodyBytesMax } from '../base/limits.ts'
import { readBody, type Door } from '../base/listen.ts'
import type { Log } from '../base/log.ts'
import type { PinnedCatalogue } from '../inventory/catalogue.ts'
import type { Caller } from '../oauth/access-token.ts'
import { capabilityFor, isForwarded } from './asked.ts'
import { answerBatch } from './batch.ts'
import { aim, listBundle } from './bundle.ts'
import type { CallRooms } from './call.ts'
import { challenge, type TokenJudge } from './challenge.ts'
import type { Call } from './call-state.ts'
import { readEnvelope, readLevel, revisions, type Envelope } from './envelope.ts'
import { answerDiscover, answerInitialize, negotiate, type Greeted } from './lifecycle.ts'
import { lists, type Lists } from './list.ts'
import type { KeepAlive } from './keep-alive.ts'
import type { KeptStreams } from './kept-streams.ts'
import { openListening, type ListeningRooms } from './listening.ts'
import { Reply } from './reply.ts'
import { callOrResume } from './resume.ts'
import { subscribe } from './subscribe.ts'
import { callTask } from './tasks.ts'
import type { Session, Sessions } from './session.ts'
import { findFall, requireStanding, unknownMethod } from './standing.ts'
import { holderWord } from './upstream/caller-key.ts'

/** The rooms that the MCP door opens on. */
export interface ServeRooms extends CallRooms, Omit<ListeningRooms, keyof CallRooms> {
  clock: Clock
  log: Log
  oauth: TokenJudge
  lists: Lists
  keepAlive: KeepAlive
  kept: KeptStreams
  sessions: Sessions
}

const goneAway = 'the client went away'

const address = /^\/mcp\/([a-z][a-z0-9-]{0,38}[a-z0-9])$/

/** The MCP door: `/mcp/<name>` for each upstream, streamable HTTP. */
export function gatewayDoor(rooms: ServeRooms): Door {
  return {
    name: 'mcp',
    match: (path) => path === '/mcp' || path.startsWith('/mcp/'),
    secures: true,
    handle: (request, response, security) => serve(rooms, { request, response, security }),
  }
}

async function serve(rooms: ServeRooms, came: Omit<Visit, 'reply' | 'seen'>): Promise<void> {
  const reply = new Reply(came.response, rooms.keepAlive, came.security)
  const seen: Seen = {}
  try {
    await admit(rooms, { ...came, reply, seen })
  } catch (error) {
    logFailure(rooms, error)
    // Of an answer that has begun only a stream can still say how it ended.
    if (reply.begun && !(reply.streams && seen.envelope)) return reply.destroy()
    reply.fault(seen.envelope, error, await challenge(rooms.oauth, { ...seen, request: came.request, error }))
  }
}

/** What is known so far, for the answer to a failure. */
interface Seen {
  envelope?: Pick<Envelope, 'era' | 'id'>
  upstream?: string
}

interface Visit {
  request: IncomingMessage
  response: ServerResponse
  security: readonly string[]
  reply: Reply
  seen: Seen
}

async function admit(rooms: ServeRooms, visit: Visit): Promise<void> {
  const { request, response, reply, seen } = visit
  // The query is the client's and goes nowhere: only the path says where to.
  const path = (request.url ?? '').split('?', 1)[0]!
  const upstream = address.exec(path)?.[1]
  if (upstream === undefined)
    throw new Fault('gateway.unknown_address', 'there is no MCP server at this address', { status: 404 })
  seen.upstream = upstream
  const { origin } = request.headers
  if (origin !== undefined && origin !== rooms.origin)
    throw new Fault('gateway.foreign_origin', 'pages of other origins may not call')

  const caller = await rooms.oauth.verifyAccessToken(request, rooms.oauth.resourceFor(upstream))
  if (caller.boundTo !== undefined) reply.carry('dpop-nonce', rooms.oauth.proofNonce())
  const ending = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished && !reply.kept) ending.abort(new Error(goneAway))
  })
  const modern = revisions.modern.includes(String(request.headers['mcp-protocol-version']))
  if (request.method === 'GET' && !modern) return listen(rooms, { ...visit, caller, ending })
  if (request.method === 'DELETE' && !modern) return endSession(rooms, caller, { request, reply })
  if (request.method !== 'POST') {
    response.setHeader('allow', modern ? 'POST' : 'DELETE, GET, POST')
    throw new Fault('gateway.method_not_allowed', `only ${modern ? 'POST is' : 'DELETE, GET and POST are'} served here`)
  }
  const value = await readValue(rooms, { request, caller })
  const { headers } = request
  const routed = { caller, ending, headers }
  if (Array.isArray(value)) return batch(rooms, value, { ...routed, reply, response })
  const envelope = readEnvelope(headers, value, (known) => (seen.envelope = known))
  if (envelope.era === 'legacy' && envelope.method !== 'initialize')
    enter(envelope, await rooms.sessions.find(caller, headers['mcp-session-id']), headers)
  await route(rooms, { ...routed, envelope, reply })
}

async function listen(
  rooms: ServeRooms,
  { request, response, reply, caller, ending }: Visit & Pick<Routed, 'caller' | 'ending'>,
): Promise<void> {
  const { headers } = request
  const session = await rooms.sessions.find(caller, headers['mcp-session-id'])
  const found = rooms.kept.find(caller, session, headers['last-event-id'])
  if (found === undefined) return openListening(rooms, { caller, reply, ending, envelope: undefined, session })
  await requireStanding(rooms.facts, caller)
  const { stream, after } = found
  const holds = await stream.holds()
  reply.stream()
  if (holds) return stream.resume(response, after)
  stream.destroy()
  reply.fault(stream.envelope, new Fault('gateway.withdrawn', 'the right behind this answer was withdrawn meanwhile'))
}

async function batch(
  rooms: ServeRooms,
  values: unknown[],
  { reply: whole, response, ...routed }: Omit<Routed, 'envelope'> & { response: ServerResponse },
): Promise<void> {
  const { caller, headers } = routed
  await requireStanding(rooms.facts, caller)
  const session = await rooms.sessions.find(caller, headers['mcp-session-id'])
  const version = headers['mcp-protocol-version'] ?? session?.protocolVersion
  const parts = { version: String(version), whole, response, keepAlive: rooms.keepAlive }
  await answerBatch(values, parts, {
    read: (value, onRead) => enter(readEnvelope(headers, value, onRead), session, headers),
    answer: (envelope, reply) => route(rooms, { ...routed, ending: partOf(routed.ending.signal), envelope, reply }),
    onFailure: (error) => logFailure(rooms, error),
  })
}

/** One message of a batch ends by itself, and with all. */
function partOf(gone: AbortSignal): AbortController {
  const ending = new AbortController()
  if (gone.aborted) ending.abort(gone.reason)
  else gone.addEventListener('abort', () => ending.abort(gone.reason), { once: true })
  return ending
}

function logFailure({ log }: ServeRooms, error: unknown): void {
  if (!(error instanceof Fault)) log.error({ error }, 'a request failed inside')
  // Of a token that is good: who holds it without its key is to be seen.
  else if (error.code === 'oauth.proof_invalid') log.info({ why: error.detail }, 'a proof of possession was refused')
}

async function readValue(
  rooms: ServeRooms,
  { request, caller }: { request: IncomingMessage; caller: Caller },
): Promise<unknown> {
  using _place = rooms.exchanges.arrive({ caller })
  return readJson(await readBody(request, bodyBytesMax))
}

// Clients of 2025-03-26 and before repeat no version: theirs is that of the handshake.
function enter(envelope: Envelope, session: Session | undefined, headers: IncomingMessage['headers']): Envelope {
  if (session === undefined) return envelope
  envelope.session = session
  envelope.clientCapabilities = session.client.capabilities
  envelope.clientInfo = session.client.info
  if (headers['mcp-protocol-version'] === undefined) envelope.protocolVersion = session.protocolVersion
  return envelope
}

async function endSession(
  rooms: ServeRooms,
  caller: Caller,
  { request, reply }: Pick<Visit, 'request' | 'reply'>,
): Promise<void> {
  await requireStanding(rooms.facts, caller)
  const header = request.headers['mcp-session-id']
  const session = await rooms.sessions.find(caller, header)
  if (session === undefined)
    throw new Fault('gateway.bad_envelope', 'cannot end a session: `Mcp-Session-Id` names none')
  if (!(await rooms.sessions.end(header, session))) {
    reply.carry('allow', 'GET, POST')
    throw new Fault('gateway.method_not_allowed', 'cannot end one more session: this one ends by itself')
  }
  rooms.subscriptions.forget(session.id)
  rooms.exchanges.endSession(session)
  reply.empty(204)
}

interface Routed {
  caller: Caller
  envelope: Envelope
  reply: Reply
  ending: AbortController
  headers: IncomingMessage['headers']
}

async function takeIn(rooms: ServeRooms, { caller, envelope, reply }: Routed): Promise<void> {
  await requireStanding(rooms.facts, caller)
  if (envelope.method === 'notifications/cancelled') cancel(rooms, caller, envelope)
  if (envelope.method === 'notifications/roots/list_changed') await tellRootsChanged(rooms, caller, envelope)
  if (envelope.method === 'notifications/progress')
    rooms.questions.progress({ caller, sessionId: envelope.session?.id }, envelope.params)
  if (envelope.answer !== undefined)
    rooms.questions.answer({ caller, sessionId: envelope.session?.id }, envelope.id, envelope.answer)
  reply.accepted()
}

function route(rooms: ServeRooms, routed: Routed): Promise<void> {
  const { envelope } = routed
  if (envelope.session !== undefined) envelope.logLevel = rooms.subscriptions.levelOf(envelope.session.id)
  if (envelope.shape !== 'request') return takeIn(rooms, routed)
  if (Object.hasOwn(lists, envelope.method)) return list(rooms, routed)
  return ours.has(envelope.method) ? answer(rooms, routed) : forward(rooms, routed)
}

// What is answered, or refused, here, at least in one era.
const ours = new Set([
  'initialize',
  'logging/setLevel',
  'ping',
  'resources/subscribe',
  'resources/unsubscribe',
  'server/discover',
  'subscriptions/listen',
  'tasks/cancel',
  'tasks/get',
  'tasks/update',
])

async function answer(rooms: ServeRooms, routed: Routed): Promise<void> {
  const { caller, envelope, reply } = routed
  const key = `${envelope.era} ${envelope.method}`
  switch (key) {
    case 'legacy initialize': {
      const to = await greet(rooms, caller)
      reply.carry('mcp-session-id', rooms.sessions.begin(caller, envelope.params, negotiate(envelope)))
      return reply.result(envelope, answerInitialize(envelope, to))
    }
    case 'modern server/discover':
      return reply.result(envelope, answerDiscover(await greet(rooms, caller)))
    case 'legacy ping':
      await requireStanding(rooms.facts, caller)
      return reply.result(envelope, {})
    case 'legacy logging/setLevel':
      await setLevel(rooms, routed)
      return reply.result(envelope, {})
    case 'legacy resources/subscribe':
    case 'legacy resources/unsubscribe':
      return subscribe(rooms, await aim(rooms, callOf(rooms, routed)))
    case 'modern tasks/get':
    case 'modern tasks/update':
    case 'modern tasks/cancel':
      return callTask(rooms, callOf(rooms, routed))
    case 'modern resources/subscribe':
    case 'modern resources/unsubscribe':
      throw unknownMethod(envelope.method)
    case 'modern subscriptions/listen':
      return openListening(rooms, { caller, reply, ending: routed.ending, envelope, session: undefined })
    default:
      return forward(rooms, routed)
  }
}

async function greet({ facts, lists: shown }: ServeRooms, caller: Caller): Promise<Greeted> {
  await requireStanding(facts, caller)
  return { lists: shown, name: caller.upstream, views: await facts.views(caller) }
}

// The level is the session's: it goes with each of its requests to wherever the upstream keeps it.
async function setLevel(rooms: ServeRooms, { caller, envelope }: Routed): Promise<void> {
  requireCapability(await requireStanding(rooms.facts, caller), { method: envelope.method, capability: 'logging' })
  const level = readLevel(envelope.params['level'])
  if (level === undefined)
    throw new Fault('gateway.bad_params', 'cannot set this level: `level` is none of the protocol')
  if (envelope.session !== undefined) rooms.subscriptions.setLevel(envelope.session.id, level)
}

async function forward(rooms: ServeRooms, routed: Routed): Promise<void> {
  const { caller, envelope, reply, ending } = routed
  const onGone = goneOf(ending)
  if (rooms.kept.serves(envelope)) reply.keep(() => rooms.kept.open({ caller, envelope, onGone }))
  const call = await aim(rooms, callOf(rooms, routed))
  const { catalogue } = await rooms.facts.view(caller, call.upstream)
  if (!isForwarded(envelope.method, catalogue)) throw unknownMethod(envelope.method)
  requireCapability(catalogue, { method: envelope.method, capability: capabilityFor(envelope.method) })
  await callOrResume(rooms, call)
}

// Apart, so that who holds it holds nothing else of the request.
function goneOf(ending: AbortController): () => void {
  return () => ending.abort(new Error(goneAway))
}

function callOf({ clock }: ServeRooms, { caller, envelope, reply, ending, headers }: Routed): Call {
  return {
    id: makeId(clock),
    kind: 'call',
    caller,
    upstream: caller.upstream,
    envelope,
    reply,
    requestId: envelope.id,
    ending,
    parameterHeaders: parameterHeaders(headers),
  }
}

// What the upstream does not have is not served, so that a client is told the same as without us.
function requireCapability(
  catalogue: PinnedCatalogue | undefined,
  { method, capability }: { method: string; capability: string | undefined },
): void {
  if (capability === undefined || catalogue?.upstream.learnt?.capabilities[capability] !== undefined) return
  throw unknownMethod(method)
}

async function list(rooms: ServeRooms, { caller, envelope, reply }: Routed): Promise<void> {
  const { kind, member, capability } = lists[envelope.method]!
  const catalogue = await requireStanding(rooms.facts, caller)
  const bundle = await rooms.facts.bundle(caller.upstream)
  if (bundle === undefined) {
    requireCapability(catalogue, { method: envelope.method, capability })
    await rooms.pool.freshen(catalogue.upstream)
  }
  const text =
    bundle === undefined
      ? rooms.lists.text(await rooms.facts.view(caller), kind)
      : await listBundle(rooms, { bundle, caller, kind })
  // Filtered by the caller's rights, so it is nobody else's to keep.
  const hints = envelope.era === 'modern' ? { ttlMs: 0, cacheScope: 'private' } : {}
  reply.resultWith(envelope, hints, { name: member, text })
}

function cancel(rooms: ServeRooms, caller: Caller, envelope: Envelope): void {
  const id = envelope.params['requestId']
  if (typeof id === 'string' || typeof id === 'number') rooms.exchanges.cancel(caller, id)
}

async function tellRootsChanged(
  rooms: ServeRooms,
  caller: Caller,
  { session, protocolVersion }: Envelope,
): Promise<void> {
  if (session === undefined) return
  const of = { callerKey: `${holderWord(caller)} ${session.id}`, protocolVersion }
  for (const view of await rooms.facts.views(caller)) {
    if (view.catalogue === undefined || findFall(rooms.facts, view) !== undefined) continue
    rooms.pool.get(view.catalogue.upstream).rootsChanged?.(of)
  }
}

function parameterHeaders(headers: IncomingMessage['headers']): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name in headers) {
    if (name.startsWith('mcp-param-') && typeof headers[name] === 'string') found[name] = headers[name]
  }
  return found
}
