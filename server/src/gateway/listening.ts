import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { isObject } from '../base/json.ts'
import { digestOf } from '../base/ids.ts'
import type { PinnedCatalogue } from '../inventory/catalogue.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { ItemKind } from '../model/item.ts'
import type { Caller } from '../oauth/access-token.ts'
import { isResourceUri } from './asked.ts'
import type { Envelope } from './envelope.ts'
import type { Exchange, Exchanges } from './exchanges.ts'
import { nextEnd, type FactSource, type View } from './facts.ts'
import type { Lists } from './list.ts'
import { mayHearOf, mayListenTo, recordListening } from './may-listen.ts'
import type { News } from './news.ts'
import { Pace } from './pace.ts'
import type { Pool } from './pool.ts'
import { refusal, whyNotAsked, type Questions } from './questions.ts'
import type { Reply } from './reply.ts'
import type { Session } from './session.ts'
import { findFall, requireStanding } from './standing.ts'
import type { Subscriptions } from './subscriptions.ts'
import { requireTasks } from './task-handle.ts'
import { holderWord } from './upstream/caller-key.ts'
import type { RpcNotification } from './upstream/message.ts'
import type { Listener } from './upstream/upstream-kind.ts'

/** The rooms that a listening client needs. */
export interface ListeningRooms {
  facts: FactSource
  ledger: Ledger
  clock: Clock
  lists: Lists
  exchanges: Exchanges
  pool: Pool
  news: News
  questions: Questions
  subscriptions: Subscriptions
}

interface Listening {
  caller: Caller
  reply: Reply
  ending: AbortController
  /** The `subscriptions/listen` request of the modern era; absent on the GET stream of the legacy ones. */
  envelope: Envelope | undefined
  /** The session of a legacy client that began one. */
  session: Session | undefined
}

/** What a client is told of, by the words of its filter. */
const filters: Readonly<Record<string, { method: string; kinds: readonly ItemKind[] }>> = {
  toolsListChanged: { method: 'notifications/tools/list_changed', kinds: ['tool'] },
  promptsListChanged: { method: 'notifications/prompts/list_changed', kinds: ['prompt'] },
  resourcesListChanged: { method: 'notifications/resources/list_changed', kinds: ['resource', 'template'] },
}
const subscriptionKey = 'io.modelcontextprotocol/subscriptionId'
const updated = 'notifications/resources/updated'
const urisMax = 256
/** News that come at once are one. */
const gatherMs = 25
/** How long an upstream that does not say whether it can be heard keeps a client waiting. */
const openMsMax = 1_000

/**
 * Opens the stream on which a client hears what belongs to no call: that what it is shown has changed, or that the upstream
 * says so; that a resource which it may read and asked for has changed; and, in the legacy eras, what the upstream says and
 * asks in its session. It ends when the right behind it is withdrawn.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports the GET stream
 */
export async function openListening(rooms: ListeningRooms, listening: Listening): Promise<void> {
  const { caller, reply, envelope } = listening
  await requireStanding(rooms.facts, caller)
  const wanted = envelope === undefined ? Object.keys(filters) : readFilter(envelope)
  const asked = envelope === undefined ? [] : readResources(envelope)
  let sources: Source[] = []
  const begin = (): void => {
    if (reply.begun) return
    reply.stream()
    const resources = sources.flatMap((source) => source.resources)
    if (envelope !== undefined) reply.event(acknowledged(envelope, wanted, resources))
  }
  const shown = new Map<string, string>()
  const waiting = new Map<string, NodeJS.Timeout>()
  const tell = (filter: string): void => {
    if (waiting.has(filter)) return
    const send = () => {
      waiting.delete(filter)
      begin()
      reply.event(notification(envelope, filters[filter]!.method, {}))
    }
    waiting.set(filter, setTimeout(send, gatherMs).unref())
  }
  using exchange = rooms.exchanges.begin({ ...listening, kind: 'stream' }, async () => {
    const [views, now] = [await rooms.facts.views(caller), rooms.facts.now()]
    if (views.every((view) => findFall(rooms.facts, view) !== undefined)) return undefined
    const left = new Set(views.map((view) => heardIn(rooms.facts, view)?.name))
    for (const { upstream, ending } of sources) if (!left.has(upstream.name)) ending.abort()
    for (const [filter, before] of shown) {
      const digest = digestsOf(rooms.lists, views, filter)
      if (digest !== before) tell(filter)
      shown.set(filter, digest)
    }
    return Math.min(...views.map((view) => nextEnd(view, now)))
  })
  if (envelope !== undefined) await recordListening(rooms, { ...listening, envelope, requestId: envelope.id }, asked)
  const views = await rooms.facts.views(caller)
  sources = sourcesOf(rooms.facts, views, asked)
  for (const filter of wanted) shown.set(filter, digestsOf(rooms.lists, views, filter))
  using news = new DisposableStack()
  for (const { upstream, ending } of sources) {
    const heard = (method: string) => {
      const filter = wanted.find((one) => filters[one]!.method === method)
      if (filter !== undefined) tell(filter)
    }
    const listened = rooms.news.listen(upstream, heard)
    ending.signal.addEventListener('abort', () => listened[Symbol.dispose](), { once: true })
    news.defer(() => ending.abort())
  }
  const opened: Promise<void>[] = []
  const hearing = sources.map(({ ending, ...source }) => {
    const open = Promise.withResolvers<void>()
    opened.push(open.promise)
    const signal = AbortSignal.any([exchange.signal, ending.signal])
    return hear(rooms, { ...listening, exchange, ...source, signal, begin, onOpen: open.resolve })
  })
  // A client whose stream has begun may rely on it: so it does when the upstreams behind it are heard.
  const late = new AbortController()
  const patience = sleep(openMsMax, undefined, { signal: AbortSignal.any([exchange.signal, late.signal]) })
  await Promise.race([Promise.all(opened), patience.catch(() => undefined)])
  late.abort()
  begin()
  if (!exchange.signal.aborted) {
    await new Promise((resolve) => exchange.signal.addEventListener('abort', resolve, { once: true }))
  }
  for (const timer of waiting.values()) clearTimeout(timer)
  reply.end()
  await Promise.all(hearing)
}

interface Source {
  upstream: PinnedCatalogue['upstream']
  resources: string[]
  ending: AbortController
}

// What the caller may not read is not listened to, and the acknowledgement says so by leaving it out.
function sourcesOf(facts: FactSource, views: readonly View[], asked: readonly string[]): Source[] {
  return views.flatMap((view) => {
    const upstream = heardIn(facts, view)
    if (upstream === undefined) return []
    const resources = asked.filter((uri) => mayListenTo(facts, view, uri))
    return [{ upstream, resources, ending: new AbortController() }]
  })
}

// The upstream behind a view, where something of it was granted and it serves: nobody else may say anything to the client.
function heardIn(facts: FactSource, view: View): PinnedCatalogue['upstream'] | undefined {
  if (findFall(facts, view) !== undefined || view.grant?.tools.size === 0) return undefined
  return view.catalogue?.upstream
}

/** One upstream of those that are heard; `signal` ends with the stream, or before, when the right to this one does. */
type Hearing = Omit<Listening, 'ending'> & {
  exchange: Exchange
  upstream: PinnedCatalogue['upstream']
  resources: readonly string[]
  signal: AbortSignal
  /** Begins the stream of the client, unless it has begun. */
  begin(): void
  onOpen(): void
}

/** Passes on what the upstream says to this client alone. */
async function hear(rooms: ListeningRooms, hearing: Hearing): Promise<void> {
  const { session, onOpen } = hearing
  if (session === undefined && hearing.resources.length === 0) return onOpen()
  while (!hearing.signal.aborted) {
    const changed = new AbortController()
    const forget = session && rooms.subscriptions.onChange(session.id, () => changed.abort())
    const signal = AbortSignal.any([hearing.signal, changed.signal])
    try {
      await hearOnce(rooms, hearing, signal)
    } catch {
      // An upstream that cannot be heard is no reason to end the stream: the lists are ours to tell of.
    }
    onOpen()
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    forget?.()
  }
}

async function hearOnce(rooms: ListeningRooms, hearing: Hearing, signal: AbortSignal): Promise<void> {
  const { caller, envelope, reply, upstream, begin } = hearing
  const view = await rooms.facts.view(caller, upstream.name)
  const of = listenerOf(rooms, hearing, (uri) => mayListenTo(rooms.facts, view, uri))
  if (of === undefined) return
  const pace = new Pace<RpcNotification>(
    ({ method, params }) => {
      begin()
      reply.event(notification(envelope, method, params ?? {}))
    },
    ({ method, params }) => (method === updated ? `${method} ${String(params?.['uri'])}` : method),
  )
  try {
    for await (const said of rooms.pool.get(upstream).listen?.(of, signal) ?? []) {
      const passed = await passing(rooms.facts, { said, of, view: () => rooms.facts.view(caller, upstream.name) })
      if (passed) pace.offer(said)
      await reply.drained(signal)
    }
  } finally {
    pace.end()
  }
}

function listenerOf(rooms: ListeningRooms, hearing: Hearing, may: (uri: string) => boolean): Listener | undefined {
  const { caller, envelope, session, upstream, reply, exchange, begin, onOpen } = hearing
  if (envelope !== undefined) {
    const client = { info: envelope.clientInfo, capabilities: envelope.clientCapabilities }
    const callerKey = `${holderWord(caller)} listens ${digestOf(JSON.stringify([envelope.id, hearing.resources, exchange.requestId]))}`
    const { protocolVersion } = envelope
    return { callerKey, protocolVersion, client, ask: undefined, lists: false, resources: hearing.resources, onOpen }
  }
  if (session === undefined) return undefined
  const theirs = upstream.learnt?.era === 'modern'
  // A right may have gone since they were asked for.
  const resources = theirs ? rooms.subscriptions.list(session.id).filter(may) : []
  // A modern upstream says nothing outside of a call but what it was asked to.
  if (theirs && resources.length === 0) return undefined
  const { protocolVersion, client } = session
  const send = (message: string): void => {
    begin()
    reply.event(message)
  }
  const to = { caller, sessionId: session.id, send }
  const ask: Listener['ask'] = async (question, signal) => {
    const why = whyNotAsked(client.capabilities, question)
    if (why !== undefined) return refusal(why)
    return rooms.questions.put(to, question, AbortSignal.any([signal, hearing.signal]))
  }
  return {
    callerKey: `${holderWord(caller)} ${session.id}`,
    protocolVersion,
    client,
    ask,
    lists: false,
    resources,
    onOpen,
  }
}

// Progress belongs to calls, and lists are told of by us; of resources only those that the caller may read.
async function passing(
  facts: FactSource,
  { said, of, view }: { said: RpcNotification; of: Listener; view: () => Promise<View> },
): Promise<boolean> {
  const { method, params } = said
  if (/list_changed$|^notifications\/(?:progress|cancelled|subscriptions\/)/.test(method)) return false
  if (method !== updated) return of.protocolVersion < '2026'
  return mayHearOf(facts, await view(), params?.['uri'])
}

function digestsOf(lists: Lists, views: readonly View[], filter: string): string {
  const { kinds } = filters[filter]!
  return views.flatMap((view) => kinds.map((kind) => lists.shown(view, kind).digest)).join(' ')
}

function readFilter(envelope: Envelope): string[] {
  const filter = envelope.params['notifications']
  if (!isObject(filter)) throw new Fault('gateway.bad_params', 'cannot listen: `notifications` must say what to')
  if (filter['taskIds'] !== undefined) requireTasks(envelope)
  return Object.keys(filters).filter((name) => filter[name] === true)
}

function readResources({ params }: Envelope): string[] {
  const uris = isObject(params['notifications']) ? params['notifications']['resourceSubscriptions'] : undefined
  if (uris === undefined) return []
  if (!Array.isArray(uris) || uris.length > urisMax || !uris.every(isResourceUri))
    throw new Fault('gateway.bad_params', `cannot listen: \`resourceSubscriptions\` must be at most ${urisMax} URIs`)
  return [...new Set(uris)]
}

function acknowledged(envelope: Envelope, wanted: readonly string[], resources: readonly string[]): string {
  return notification(envelope, 'notifications/subscriptions/acknowledged', {
    notifications: {
      ...Object.fromEntries(wanted.map((filter) => [filter, true])),
      ...(resources.length > 0 && { resourceSubscriptions: resources }),
    },
  })
}

function notification(envelope: Envelope | undefined, method: string, params: Record<string, unknown>): string {
  const { [subscriptionKey]: _theirs, ...meta } = isObject(params['_meta']) ? params['_meta'] : {}
  const own = { ...meta, ...(envelope !== undefined && { [subscriptionKey]: envelope.id }) }
  const { _meta: _m, ...rest } = params
  const tagged = Object.keys(own).length > 0 ? { ...rest, _meta: own } : rest
  return JSON.stringify({ jsonrpc: '2.0', method, params: tagged })
}
