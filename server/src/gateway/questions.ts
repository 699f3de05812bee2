import { Fault } from '../base/fault.ts'
import { makeSecret } from '../base/ids.ts'
import { isObject } from '../base/json.ts'
import { isSecretName } from '../ledger/redact.ts'
import type { Caller } from '../oauth/access-token.ts'
import type { RpcAnswer } from './upstream/message.ts'
import type { PutQuestion } from './upstream/upstream-kind.ts'

/** What an upstream asks of a client. */
export type Question = Pick<PutQuestion, 'method' | 'params' | 'onProgress'>

/** Whom a question is put to: only the same grant, in the same session, can answer it. */
export interface Asked {
  caller: Pick<Caller, 'grantId'>
  sessionId: string | undefined
  /** Sends a message on the client's stream. */
  send(message: string): void
}

/** People think, and fetch their glasses. Afterwards the upstream is told that nobody answered. */
const answerMsMax = 10 * 60_000
const openMax = 10_000

interface Open {
  grantId: string
  sessionId: string | undefined
  settle(answer: RpcAnswer): void
  progress(params: Record<string, unknown>): void
}

/**
 * The questions of upstreams that clients of the legacy eras have been sent and have not answered. Each goes out under
 * an id of ours that nobody can guess, and its answer goes to exactly the upstream that asked.
 */
export class Questions {
  readonly #open = new Map<string, Open>()

  get size(): number {
    return this.#open.size
  }

  /**
   * Puts a question to a client.
   *
   * @param signal aborted when the upstream wants no answer any more, or the call is over: the client is told.
   * @returns what the client answered; an error where it did not answer within ten minutes.
   */
  async put(to: Asked, question: Question, signal: AbortSignal): Promise<RpcAnswer> {
    if (this.#open.size >= openMax) return failed('too many questions are open')
    const id = makeSecret()
    const { method } = question
    const { params, progress } = withOurToken(question, id)
    const answered = Promise.withResolvers<RpcAnswer>()
    const giveUp = (why: string): void => {
      to.send(notice('notifications/cancelled', { requestId: id, reason: why }))
      answered.resolve(failed(why))
    }
    const onAbort = () => giveUp('nobody waits for the answer any more')
    const timer = setTimeout(() => giveUp('the client did not answer in time'), answerMsMax)
    timer.unref()
    signal.addEventListener('abort', onAbort, { once: true })
    this.#open.set(id, { grantId: to.caller.grantId, sessionId: to.sessionId, settle: answered.resolve, progress })
    to.send(JSON.stringify({ jsonrpc: '2.0', id, method, ...(params && { params }) }))
    try {
      return await answered.promise
    } finally {
      this.#open.delete(id)
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Takes what a client says of how far its answer is, for the upstream that wants to know. */
  progress(by: By, params: Record<string, unknown>): void {
    this.#find(by, params['progressToken'])?.progress(params)
  }

  /** Takes the answer of a client. One that nobody asked for, or asked another, is dropped. */
  answer(by: By, id: unknown, answer: RpcAnswer): void {
    this.#find(by, id)?.settle(answer)
  }

  #find({ caller, sessionId }: By, id: unknown): Open | undefined {
    const open = typeof id === 'string' ? this.#open.get(id) : undefined
    return open?.grantId === caller.grantId && open.sessionId === sessionId ? open : undefined
  }
}

type By = Pick<Asked, 'caller' | 'sessionId'>

// Upstreams choose their tokens as they like, and two may choose the same: the client is given one of ours.
function withOurToken({ params, onProgress }: Question, id: string): Pick<Question, 'params'> & Pick<Open, 'progress'> {
  const meta = params?.['_meta']
  const progressToken = isObject(meta) ? meta['progressToken'] : undefined
  if (progressToken === undefined) return { params, progress: () => undefined }
  return {
    params: { ...params, _meta: { ...(meta as object), progressToken: id } },
    progress: (said) => onProgress?.({ ...said, progressToken }),
  }
}

/**
 * Why a client cannot be asked this; undefined when it can. An upstream may ask only for what the client declared, may
 * send people only to addresses that a browser opens, and may have no secret written into a form: the client, its model
 * and its log read what is written there.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation
 */
export function whyNotAsked(
  capabilities: Readonly<Record<string, unknown>>,
  { method, params }: Question,
): string | undefined {
  const needed = { 'elicitation/create': 'elicitation', 'sampling/createMessage': 'sampling', 'roots/list': 'roots' }[
    method
  ]
  if (needed === undefined) return 'method not found'
  const declared = capabilities[needed]
  if (!isObject(declared)) return `the client did not declare \`${needed}\``
  if (method !== 'elicitation/create') return undefined
  const url = params?.['mode'] === 'url'
  // Before there were two modes, to declare elicitation was to declare forms.
  const can = url ? isObject(declared['url']) : isObject(declared['form']) || !isObject(declared['url'])
  if (!can) return `the client did not declare \`elicitation.${url ? 'url' : 'form'}\``
  if (url) return isWebAddress(params['url']) ? undefined : 'the address is none that may be opened'
  return asksForSecret(params?.['requestedSchema'])
    ? 'a form may not ask for a secret: a page of its own may'
    : undefined
}

/** By the name of a field, or the title that people are shown of it. Who ticks or chooses gives nothing away. */
function asksForSecret(schema: unknown): boolean {
  const fields = isObject(schema) && isObject(schema['properties']) ? Object.entries(schema['properties']) : []
  return fields.some(([name, field]) => {
    const { type, title, enum: choices, oneOf } = isObject(field) ? field : {}
    if (type === 'boolean' || type === 'array' || choices !== undefined || oneOf !== undefined) return false
    return isSecretName(name) || (typeof title === 'string' && isSecretName(title))
  })
}

const requestsMax = 16

/**
 * Reads the questions that an upstream wants to have put to a client, by their keys.
 *
 * @throws {Fault} `gateway.input_refused` where the client cannot be asked all of them.
 */
export function readQuestions(
  upstream: string,
  capabilities: Readonly<Record<string, unknown>>,
  value: unknown,
): Map<string, Question> {
  if (!isObject(value) || Object.keys(value).length > requestsMax) throw cannotAsk(upstream, 'it does not say what')
  const questions = new Map<string, Question>()
  for (const [key, one] of Object.entries(value)) {
    if (!isObject(one) || typeof one['method'] !== 'string') throw cannotAsk(upstream, 'it does not say what')
    const { method, params } = one
    const question: Question = { method, ...(isObject(params) && { params }) }
    const why = whyNotAsked(capabilities, question)
    if (why !== undefined) throw cannotAsk(upstream, why)
    questions.set(key, question)
  }
  return questions
}

/** The answer that an upstream gets for a question that was not put. */
export function refusal(why: string): RpcAnswer {
  return { error: { code: why === 'method not found' ? -32601 : -32602, message: why } }
}

function isWebAddress(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false
  const { protocol, username, password } = new URL(value)
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === ''
}

function failed(message: string): RpcAnswer {
  return { error: { code: -32603, message } }
}

function notice(method: string, params: object): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params })
}

/** A call that asks for input which its client cannot give. */
export function cannotAsk(upstream: string, why: string): Fault {
  return new Fault('gateway.input_refused', `\`${upstream}\` asks for input that this client cannot give: ${why}`)
}
