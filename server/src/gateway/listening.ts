import { isObject } from '../base/json.ts'
import { Fault } from '../base/fault.ts'
import type { Caller } from '../oauth/access-token.ts'
import type { Envelope } from './envelope.ts'
import type { Exchanges } from './exchanges.ts'
import { nextEnd, type FactSource, type View } from './facts.ts'
import type { Lists } from './list.ts'
import { findFall, requireStanding } from './standing.ts'
import type { Reply } from './reply.ts'

interface Listening {
  caller: Caller
  reply: Reply
  signal: AbortSignal
  /** The `subscriptions/listen` request of the modern era; absent on the GET stream of the legacy ones. */
  envelope: Envelope | undefined
}

const subscriptionKey = 'io.modelcontextprotocol/subscriptionId'

/**
 * Opens the stream on which a client hears that its tools changed. It ends when the right behind it is withdrawn.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports the GET stream
 */
export async function openListening(
  rooms: { facts: FactSource; lists: Lists; exchanges: Exchanges },
  listening: Listening,
): Promise<void> {
  const { caller, reply, envelope } = listening
  await requireStanding(rooms.facts, caller)
  const wanted = envelope === undefined || readFilter(envelope)
  let shown = shownIn(rooms.lists, await rooms.facts.views(caller))
  using exchange = rooms.exchanges.begin({ ...listening, kind: 'stream' }, async () => {
    const [views, now] = [await rooms.facts.views(caller), rooms.facts.now()]
    if (views.every((view) => findFall(rooms.facts, view) !== undefined)) return undefined
    // News that change nothing of what this client would be shown are no news to it.
    const digest = shownIn(rooms.lists, views)
    if (wanted && digest !== shown) reply.event(listChanged(envelope))
    shown = digest
    return Math.min(...views.map((view) => nextEnd(view, now)))
  })
  reply.stream()
  if (envelope !== undefined) reply.event(acknowledged(envelope, wanted))
  if (!exchange.signal.aborted) {
    await new Promise((resolve) => exchange.signal.addEventListener('abort', resolve, { once: true }))
  }
  reply.end()
}

function shownIn(lists: Lists, views: View[]): string {
  return views.map((view) => lists.shown(view, 'tool').digest).join()
}

function readFilter({ params }: Envelope): boolean {
  const filter = params['notifications']
  if (!isObject(filter)) throw new Fault('gateway.bad_params', 'cannot listen: `notifications` must say what to')
  return filter['toolsListChanged'] === true
}

function acknowledged(envelope: Envelope, wanted: boolean): string {
  return notification(envelope, 'notifications/subscriptions/acknowledged', {
    notifications: wanted ? { toolsListChanged: true } : {},
  })
}

function listChanged(envelope: Envelope | undefined): string {
  return notification(envelope, 'notifications/tools/list_changed', {})
}

function notification(envelope: Envelope | undefined, method: string, params: Record<string, unknown>): string {
  const tagged = envelope === undefined ? params : { ...params, _meta: { [subscriptionKey]: envelope.id } }
  return JSON.stringify({ jsonrpc: '2.0', method, params: tagged })
}
