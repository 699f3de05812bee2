import { Fault } from '../../base/fault.ts'
import type { RpcAnswer, RpcId, RpcNotification, RpcRequest } from './message.ts'
import type { UpstreamRequest } from './upstream-kind.ts'

// What an upstream asks in the middle of a call, and the answers on their way back to it. It waits for each of them, so
// each gets one: that of the client, or the reason why there is none.

const openMax = 16

/** What the upstream is told: an answer, or how far it is. */
export type Said = ({ id: RpcId } & RpcAnswer) | Pick<RpcNotification, 'method' | 'params'>

export class CarriedQuestions {
  readonly #open = new Map<RpcId, AbortController>()
  readonly #ask: UpstreamRequest['ask']
  readonly #reply: (said: Said) => void
  #ended = false

  constructor(ask: UpstreamRequest['ask'], reply: (said: Said) => void) {
    this.#ask = ask
    this.#reply = reply
  }

  put(question: RpcRequest): void {
    const { id, method } = question
    if (method === 'ping') return this.#reply({ id, result: {} })
    if (this.#ask === undefined) return this.#reply(unasked(id, -32601, 'method not found'))
    if (this.#ended || this.#open.has(id) || this.#open.size >= openMax)
      return this.#reply(unasked(id, -32600, 'too many questions at once'))
    const asking = new AbortController()
    this.#open.set(id, asking)
    void this.#carry(question, asking.signal)
  }

  async #carry(question: RpcRequest, signal: AbortSignal): Promise<void> {
    let answer: RpcAnswer
    try {
      const onProgress = (params: Record<string, unknown>): void => {
        if (!signal.aborted) this.#reply({ method: 'notifications/progress', params })
      }
      answer = await this.#ask!({ ...question, onProgress }, signal)
    } catch (error) {
      answer = { error: { code: -32603, message: error instanceof Fault ? error.message : 'the client was not asked' } }
    }
    if (this.#open.delete(question.id) && !signal.aborted) this.#reply({ id: question.id, ...answer })
  }

  /** The upstream wants no answer to this any more. */
  withdraw(id: unknown): void {
    const asking = typeof id === 'string' || typeof id === 'number' ? this.#open.get(id) : undefined
    asking?.abort(new Error('the upstream withdrew its question'))
  }

  end(): void {
    this.#ended = true
    for (const asking of this.#open.values()) asking.abort(new Error('the call is over'))
  }
}

function unasked(id: RpcId, code: number, message: string): { id: RpcId } & RpcAnswer {
  return { id, error: { code, message } }
}
