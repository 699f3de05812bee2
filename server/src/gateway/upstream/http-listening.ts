import { CarriedQuestions } from './carried-questions.ts'
import { modernVersion, requestToModern } from './era.ts'
import { readEvents } from './event-stream.ts'
import type { HttpAnswer } from './http-exchange.ts'
import { sessionHeaders, type HttpGreeting } from './http-greeting.ts'
import type { HttpSession } from './http-sessions.ts'
import type { HttpWire } from './http-wire.ts'
import { isCancelled, isNotification, isRequest, readMessage, type RpcNotification } from './message.ts'
import { routingHeaders } from './routing-headers.ts'
import type { Listener } from './upstream-kind.ts'

// What an upstream says outside of any call: on the GET stream of a legacy session, or on a listen stream.

export interface ListeningParts {
  wire: HttpWire
  greeting: HttpGreeting
  nextId(): number
}

/** How it ended: broken off, without the session that it was for, or never there at all. */
export type Heard = 'ended' | 'forgotten' | 'absent'

/** On the GET stream of a session; what it hears of single resources it is subscribed to first. */
export async function* listenLegacy(
  { wire, greeting, nextId }: ListeningParts,
  { of, session }: { of: Listener; session: HttpSession },
  signal: AbortSignal,
): AsyncGenerator<RpcNotification, Heard> {
  if (session.id === undefined) return 'absent'
  const headers = sessionHeaders(session)
  for (const uri of of.resources) {
    const id = nextId()
    const text = JSON.stringify({ jsonrpc: '2.0', id, method: 'resources/subscribe', params: { uri } })
    await greeting.answerTo(await wire.post(text, headers, signal), id)
  }
  const answer = await wire.get(headers, signal)
  of.onOpen?.()
  if (!isStream(answer)) return answer.status === 404 ? 'forgotten' : 'absent'
  const tell = (message: object): void => {
    wire.post(JSON.stringify({ jsonrpc: '2.0', ...message }), headers, AbortSignal.timeout(20_000)).then(
      (taken) => taken.finish(),
      () => undefined,
    )
  }
  const questions = new CarriedQuestions(of.ask, tell)
  try {
    yield* notificationsOf(answer, questions)
  } finally {
    questions.end()
  }
  return 'ended'
}

/** On a listen stream of the modern era. */
export async function* listenModern(
  { wire, nextId }: ListeningParts,
  of: Listener,
  signal: AbortSignal,
): AsyncGenerator<RpcNotification, Heard> {
  const notifications = {
    ...(of.lists && { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }),
    ...(of.resources.length > 0 && { resourceSubscriptions: of.resources }),
  }
  const plain = { jsonrpc: '2.0' as const, id: nextId(), method: 'subscriptions/listen', params: { notifications } }
  const message = requestToModern(plain, of.client)
  const headers = { 'mcp-protocol-version': modernVersion, ...routingHeaders(message, undefined) }
  const answer = await wire.post(JSON.stringify(message), headers, signal)
  of.onOpen?.()
  if (!isStream(answer)) return 'absent'
  // In this era nobody is asked anything outside of a call.
  yield* notificationsOf(answer, new CarriedQuestions(undefined, () => undefined))
  return 'ended'
}

function isStream(answer: HttpAnswer): boolean {
  if (answer.status === 200 && answer.mediaType === 'text/event-stream') return true
  answer.finish()
  return false
}

async function* notificationsOf(answer: HttpAnswer, questions: CarriedQuestions): AsyncGenerator<RpcNotification> {
  for await (const { data } of readEvents(answer.chunks)) {
    const message = data === '' ? undefined : readMessage(data)
    if (message === undefined) continue
    if (isRequest(message)) questions.put(message)
    else if (!isNotification(message)) continue
    else if (isCancelled(message)) questions.withdraw(message.params?.['requestId'])
    else yield message
  }
}
