import { Fault } from '../../base/fault.ts'
import { isObject } from '../../base/json.ts'
import type { Learnt } from '../../model/upstream.ts'
import { badReply, busy, errorOf, lost, readAnswer, refused } from './answer.ts'
import { learntFromDiscover, learntFromInitialize, modernVersion, ourselves, requestToModern } from './era.ts'
import { readEvents } from './event-stream.ts'
import type { HttpAnswer } from './http-exchange.ts'
import type { HttpSession } from './http-sessions.ts'
import type { HttpWire } from './http-wire.ts'
import { isResponse, readMessage, type RpcId, type RpcResponse } from './message.ts'
import { routingHeaders } from './routing-headers.ts'
import type { UpstreamClient } from './upstream-kind.ts'

// Getting to know an upstream, and opening a session with it: what comes before the first call.

export class HttpGreeting {
  readonly #upstream: string
  readonly #wire: HttpWire
  readonly #nextId: () => number

  constructor(upstream: string, wire: HttpWire, nextId: () => number) {
    this.#upstream = upstream
    this.#wire = wire
    this.#nextId = nextId
  }

  /**
   * Asks as the modern era does; undefined where the upstream does not speak it. One that refuses our revision and names
   * it among those that it speaks is asked once more.
   */
  async discover(signal: AbortSignal): Promise<Learnt | undefined> {
    const first = await this.#discover(signal)
    const again = first !== undefined && 'error' in first && namesOurs(first.error)
    const response = again ? await this.#discover(signal) : first
    return response === undefined || 'error' in response ? undefined : learntFromDiscover(response.result)
  }

  async #discover(signal: AbortSignal): Promise<RpcResponse | undefined> {
    const id = this.#nextId()
    const message = requestToModern({ jsonrpc: '2.0', id, method: 'server/discover' }, ourselves)
    const headers = { 'mcp-protocol-version': modernVersion, ...routingHeaders(message, undefined) }
    const answer = await this.#wire.post(JSON.stringify(message), headers, signal)
    try {
      return await this.answerTo(answer, id)
    } catch (error) {
      // A legacy upstream may refuse what it does not know in any way but these.
      if (error instanceof Fault && error.code !== 'gateway.upstream_bad_reply') throw error
      return undefined
    }
  }

  /** Opens a session in the name of a client: what it can do, and who it says it is. */
  async initialize(
    { protocolVersion, client }: { protocolVersion: string; client: UpstreamClient },
    signal: AbortSignal,
  ): Promise<{ learnt: Learnt; session: HttpSession }> {
    const id = this.#nextId()
    const params = { protocolVersion, capabilities: client.capabilities, clientInfo: client.info }
    const hello = JSON.stringify({ jsonrpc: '2.0', id, method: 'initialize', params })
    const answer = await this.#wire.post(hello, {}, signal)
    const response = await this.answerTo(answer, id)
    if ('error' in response) throw errorOf(this.#upstream, response.error)
    const learnt = learntFromInitialize(this.#upstream, response.result)
    const session: HttpSession = {
      id: readSessionId(this.#upstream, answer.sessionId),
      protocolVersion: learnt.protocolVersion,
      logs: learnt.capabilities['logging'] !== undefined,
    }
    const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })
    const taken = await this.#wire.post(initialized, sessionHeaders(session), signal)
    taken.finish()
    return { learnt, session }
  }

  /** Reads the answer to a request of ours. */
  async answerTo(answer: HttpAnswer, id: RpcId): Promise<RpcResponse> {
    judgeStatus(this.#upstream, answer)
    if (answer.mediaType === 'text/event-stream') {
      for await (const { data } of readEvents(answer.chunks)) {
        const message = data === '' ? undefined : readMessage(data)
        if (message !== undefined && isResponse(message) && answers(message, id)) return message
      }
      throw lost(this.#upstream, 'the stream ended before the answer')
    }
    if (answer.mediaType !== 'application/json') throw strangeAnswer(this.#upstream, answer)
    const read = await readAnswer(this.#upstream, answer, false)
    if ('next' in read || !answers(read.message, id)) throw badReply(this.#upstream, 'the answer has another id')
    return read.message
  }
}

function namesOurs({ code, data }: { code: number; data?: unknown }): boolean {
  const supported = isObject(data) ? data['supported'] : undefined
  return code === -32022 && Array.isArray(supported) && supported.includes(modernVersion)
}

export function answers(message: RpcResponse, id: RpcId): boolean {
  return message.id === id || ('error' in message && (message.id === null || message.id === undefined))
}

/** What goes with every message of a session. */
export function sessionHeaders(session: HttpSession): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-protocol-version': session.protocolVersion }
  if (session.id !== undefined) headers['mcp-session-id'] = session.id
  return headers
}

export function judgeStatus(upstream: string, answer: HttpAnswer): void {
  const { status } = answer
  const credential = status === 401 || status === 403 || status === 407
  const redirect = status >= 300 && status < 400
  if (!credential && !redirect && status !== 429) return
  answer.finish()
  if (credential) throw refused(upstream, `status ${status}`)
  if (redirect) throw badReply(upstream, `status ${status}: redirects are not followed`)
  throw busy(upstream, 'status 429')
}

export function strangeAnswer(upstream: string, answer: HttpAnswer): Fault {
  answer.finish()
  return badReply(upstream, `status ${answer.status} with content type \`${answer.mediaType.slice(0, 80)}\``)
}

function readSessionId(upstream: string, id: string | undefined): string | undefined {
  if (id !== undefined && !/^[\x21-\x7e]{1,1024}$/.test(id))
    throw badReply(upstream, 'a session id that cannot be sent')
  return id
}
