import type { ClientSide } from './client-side.ts'
import { cannotAsk, readQuestions } from './questions.ts'
import type { RequestStates } from './request-state.ts'
import { editObject, textOfMember } from './upstream/members.ts'
import type { RpcResponse } from './upstream/message.ts'

/** What goes to a modern upstream once more, beside the request that it asked about. */
export interface NextRound {
  inputResponses: Record<string, unknown>
  requestState?: unknown
}

/**
 * Deals with an answer that asks for input. A modern client gets it as it is, but for the state, which it carries sealed:
 * bound to its grant and to this very request. A legacy client is asked on its stream, and what it answers is the next
 * round.
 *
 * @throws {Fault} `gateway.input_refused` when it asks for what the client did not declare, or cannot be asked at all.
 */
export async function readInput(
  { states }: { states: RequestStates },
  { side, asks, upstream }: { side: ClientSide; asks: boolean; upstream: { name: string } },
  whole: { message: RpcResponse; text: () => string },
): Promise<NextRound | undefined> {
  const result = 'result' in whole.message ? whole.message.result : {}
  const { envelope } = side.call
  if (!asks) throw cannotAsk(upstream.name, 'nothing may be asked beside what was approved')
  // A state alone is enough: the upstream wants to be asked again.
  const { requestState, inputRequests = {} } = result
  const questions = readQuestions(upstream.name, envelope.clientCapabilities, inputRequests)
  if (envelope.era === 'modern') {
    const text = side.readdressed(whole.text())
    const sealed =
      typeof requestState === 'string' ? states.seal(side.call, { kind: 'theirs', state: requestState }) : undefined
    // What was judged is what is asked, written anew: no other reader of the text may find other questions in it.
    const edits = { inputRequests: textOf(result['inputRequests']), requestState: textOf(sealed) }
    const edited = editObject(textOfMember(text, 'result')!, edits)
    side.reply.json(200, editObject(text, { result: edited }))
    return undefined
  }
  const never = new AbortController().signal
  const answers = await Promise.all(
    [...questions].map(async ([key, question]) => {
      const answer = await side.ask(question, never)
      if ('error' in answer) throw cannotAsk(upstream.name, answer.error.message)
      return [key, answer.result] as const
    }),
  )
  return { inputResponses: Object.fromEntries(answers), ...(requestState !== undefined && { requestState }) }
}

function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value)
}
