import { Fault } from '../../base/fault.ts'
import { upstreamConnectionsMax } from '../../base/limits.ts'
import type { Receipt } from '../../ledger/intent.ts'
import type { Learnt } from '../../model/upstream.ts'
import { unreachable } from './answer.ts'
import { type Holder, readHolder, wordIn } from './caller-key.ts'
import type { RpcNotification } from './message.ts'
import type { ControlRequest, Listener, UpstreamConnection, UpstreamReply, UpstreamRequest } from './upstream-kind.ts'

/** Callers of one upstream whose connections are kept at once. */
const callersMax = 10_000
/** All callers share the sockets to the upstream; half of them are for calls, whoever listens. */
const listeningMax = upstreamConnectionsMax / 2

type Known = Pick<Learnt, 'era' | 'protocolVersion'>

/**
 * Opens a connection for the caller with this grant and actor, or for the gateway's own questions. It is closed, and what is
 * under way on it ends, when `gone` is aborted.
 */
type Open = (
  holder: Holder | undefined,
  learnt: Known | undefined,
) => { connection: UpstreamConnection; gone?: AbortSignal | undefined }

interface Member {
  connection: UpstreamConnection
  /** What is under way on it. */
  busy: number
}

/**
 * An upstream that is called in the name of the caller: each has a connection of its own, with nothing in common with that
 * of any other. What the gateway asks on its own account has one as well, with the organisation's credential.
 */
export class PerCallerConnection implements UpstreamConnection {
  readonly #upstream: string
  readonly #open: Open
  readonly #own: UpstreamConnection
  readonly #members = new Map<string, Member>()
  #learnt: Known | undefined
  #listening = 0
  #closed = false

  constructor(upstream: string, learnt: Known | undefined, open: Open) {
    this.#upstream = upstream
    this.#learnt = learnt
    this.#open = open
    this.#own = open(undefined, learnt).connection
  }

  async send(receipt: Receipt, request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamReply> {
    const member = this.#member(request.callerKey)
    const done = begin(member)
    try {
      return ending(await member.connection.send(receipt, request, signal), done)
    } catch (error) {
      done()
      throw error
    }
  }

  ask(request: ControlRequest, signal: AbortSignal): Promise<Record<string, unknown>> {
    return this.#own.ask(request, signal)
  }

  async learn(signal: AbortSignal): Promise<Learnt> {
    const learnt = await this.#own.learn(signal)
    this.#learnt = learnt
    return learnt
  }

  async *listen(of: Listener, signal: AbortSignal): AsyncGenerator<RpcNotification> {
    if (this.#listening >= listeningMax) return
    const word = wordIn(of.callerKey)
    const member = word === undefined ? { connection: this.#own, busy: 0 } : this.#member(of.callerKey)
    const done = begin(member)
    this.#listening++
    try {
      yield* member.connection.listen?.(of, signal) ?? []
    } finally {
      this.#listening--
      done()
    }
  }

  rootsChanged(of: Pick<UpstreamRequest, 'callerKey' | 'protocolVersion'>): void {
    this.#members.get(wordIn(of.callerKey) ?? '')?.connection.rootsChanged?.(of)
  }

  async close(): Promise<void> {
    this.#closed = true
    const members = [...this.#members.values()]
    this.#members.clear()
    await Promise.all([this.#own, ...members.map(({ connection }) => connection)].map((one) => one.close()))
  }

  #member(callerKey: string): Member {
    const word = wordIn(callerKey)
    if (word === undefined) throw new TypeError('a call of nobody')
    if (this.#closed) throw unreachable(this.#upstream, 'it is being closed')
    const found = this.#members.get(word)
    if (found !== undefined) this.#members.delete(word)
    else this.#makeRoom()
    const member = found ?? this.#begin(word)
    this.#members.set(word, member)
    return member
  }

  #begin(word: string): Member {
    const { connection, gone } = this.#open(readHolder(word), this.#learnt)
    const member = { connection, busy: 0 }
    const end = (): void => {
      if (this.#members.get(word) === member) this.#members.delete(word)
      void connection.close().catch(() => undefined)
    }
    gone?.addEventListener('abort', end, { once: true })
    return member
  }

  // The one that was used longest ago; never one on which something is under way.
  #makeRoom(): void {
    if (this.#members.size < callersMax) return
    for (const [word, { busy, connection }] of this.#members) {
      if (busy > 0) continue
      this.#members.delete(word)
      void connection.close().catch(() => undefined)
      return
    }
    throw new Fault('gateway.upstream_busy', `cannot call \`${this.#upstream}\` now: too many callers use it at once`)
  }
}

function begin(member: Member): () => void {
  member.busy++
  let ended = false
  return () => {
    if (!ended) member.busy--
    ended = true
  }
}

/** The same reply; `done` is called at its end, or when who reads it leaves. */
function ending(reply: UpstreamReply, done: () => void): UpstreamReply {
  if (reply.kind === 'flow') return { ...reply, parts: passed(reply.parts, done) }
  if (reply.kind === 'stream') return { ...reply, events: heard(reply.events, done) }
  done()
  return reply
}

async function* passed<Part, End>(parts: AsyncGenerator<Part, End>, done: () => void): AsyncGenerator<Part, End> {
  try {
    return yield* parts
  } finally {
    done()
  }
}

async function* heard<Event>(events: AsyncIterable<Event>, done: () => void): AsyncGenerator<Event> {
  try {
    yield* events
  } finally {
    done()
  }
}
