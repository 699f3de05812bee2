import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../base/fault.ts'
import type { Receipt } from '../../ledger/intent.ts'
import type { Learnt } from '../../model/upstream.ts'
import { cancelled, changed, errorOf, unreachable, wholeReply, type Answer } from './answer.ts'
import {
  clientInfoOf,
  eraOf,
  learntFromDiscover,
  learntFromInitialize,
  legacyVersion,
  ourselves,
  requestToLegacy,
  requestToModern,
  translateResponse,
} from './era.ts'
import { startLineProcess, type LineProcess } from './line-process.ts'
import type { RpcRequest } from './message.ts'
import { ReceiptBook } from './receipt-book.ts'
import { StdioSession, type Call } from './stdio-session.ts'
import {
  controlMethods,
  type ControlRequest,
  type ReplyEvent,
  type StdioLaunch,
  type UpstreamConnection,
  type UpstreamKind,
  type UpstreamNeeds,
  type UpstreamReply,
  type UpstreamRequest,
  type UpstreamSpec,
} from './upstream-kind.ts'

/** One process for all callers, started with the first use and again after a crash. */
export const stdioKind: UpstreamKind = {
  open(spec, needs) {
    if (spec.launch.kind !== 'stdio') throw new TypeError('stdioKind opens stdio upstreams')
    return new StdioConnection(spec, spec.launch, needs)
  },
}

interface Life {
  process: LineProcess
  session: StdioSession
  learnt: Learnt
}

interface Born {
  process: LineProcess
  session: StdioSession
  ready: boolean
}

const startMsMax = 20_000
const waitMsMax = 5_000
const backoffMs = { first: 250, most: 30_000, forgottenAfter: 60_000 }

class StdioConnection implements UpstreamConnection {
  readonly #spec: UpstreamSpec
  readonly #launch: StdioLaunch
  readonly #needs: UpstreamNeeds
  readonly #closing = new AbortController()
  readonly #receipts = new ReceiptBook()
  #life: Promise<Life> | undefined
  #crashes = 0
  #startAfter = 0
  #lastWords = ''

  constructor(spec: UpstreamSpec, launch: StdioLaunch, needs: UpstreamNeeds) {
    this.#spec = spec
    this.#launch = launch
    this.#needs = needs
  }

  async send(receipt: Receipt, request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamReply> {
    this.#receipts.use(receipt)
    const { session, learnt } = await this.#live(signal)
    const way = {
      method: request.message.method,
      from: learnt.era,
      to: eraOf(request.protocolVersion),
      upstream: this.#spec.name,
      id: request.message.id,
    }
    const call = session.call(bridged(request, learnt), signal)
    await call.begun
    const translate = (answer: Answer) => changed(answer, ({ text, message }) => translateResponse(text, message, way))
    if (call.progress.size > 0) return { kind: 'stream', status: 200, events: streamed(call, translate) }
    return wholeReply(200, translate(await call.answer))
  }

  async ask(request: ControlRequest, signal: AbortSignal): Promise<Record<string, unknown>> {
    if (!controlMethods.includes(request.method)) throw new TypeError(`\`${request.method}\` is not a control method`)
    const { session, learnt } = await this.#live(signal)
    const message: RpcRequest = { jsonrpc: '2.0', id: 0, method: request.method, params: request.params ?? {} }
    const asked = learnt.era === 'modern' ? requestToModern(message, ourselves) : message
    return resultOf(this.#spec.name, await session.call(asked, signal).answer)
  }

  async learn(signal: AbortSignal): Promise<Learnt> {
    return (await this.#live(signal)).learnt
  }

  async close(): Promise<void> {
    this.#closing.abort()
    const life = await this.#life?.catch(() => undefined)
    await life?.process.stop()
  }

  async #live(signal: AbortSignal): Promise<Life> {
    if (signal.aborted) throw cancelled(signal)
    if (this.#closing.signal.aborted) throw unreachable(this.#spec.name, 'it is being closed')
    const waitMs = this.#startAfter - this.#needs.clock.monotonic()
    if (waitMs > waitMsMax) {
      throw unreachable(
        this.#spec.name,
        `it stopped (${this.#lastWords}) and is tried again in ${Math.ceil(waitMs / 1_000)} s`,
      )
    }
    this.#life ??= this.#start()
    const gaveUp = Promise.withResolvers<never>()
    const onAbort = () => gaveUp.reject(cancelled(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([this.#life, gaveUp.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async #start(): Promise<Life> {
    try {
      const waitMs = this.#startAfter - this.#needs.clock.monotonic()
      if (waitMs > 0) await sleep(waitMs, undefined, { signal: this.#closing.signal, ref: false })
      const credential = await this.#needs.credential()
      if (this.#closing.signal.aborted) throw unreachable(this.#spec.name, 'it is being closed')
      const secrets = credential?.placement === 'env' ? credential.values : {}
      return await this.#handshake(this.#spawn(secrets))
    } catch (error) {
      this.#life = undefined
      throw error instanceof Fault ? error : unreachable(this.#spec.name, String(error))
    }
  }

  #spawn(secrets: Readonly<Record<string, string>>): Born {
    const { log, clock } = this.#needs
    const startedAt = clock.monotonic()
    let oddities = 0
    const session = new StdioSession({
      upstream: this.#spec.name,
      write: (line) => process.write(line),
      onListChanged: () => this.#needs.onListChanged?.(),
    })
    const process = startLineProcess(
      { launch: this.#launch, secrets, log },
      {
        onLine: (line) => {
          if (!session.receive(line) && oddities++ < 10)
            log.warn({ upstream: this.#spec.name }, 'an upstream wrote a line that is no message')
        },
        onEnd: (why) => {
          session.end(why)
          this.#ended(why, { ready: born.ready, livedMs: clock.monotonic() - startedAt })
        },
      },
    )
    const born: Born = { process, session, ready: false }
    return born
  }

  #ended(why: string, { ready, livedMs }: { ready: boolean; livedMs: number }): void {
    if (this.#closing.signal.aborted) return
    this.#lastWords = why
    this.#crashes = livedMs > backoffMs.forgottenAfter ? 1 : this.#crashes + 1
    const pauseMs = Math.min(backoffMs.first * 2 ** (this.#crashes - 1), backoffMs.most)
    this.#startAfter = this.#needs.clock.monotonic() + pauseMs
    this.#needs.log.warn({ upstream: this.#spec.name, why, crashes: this.#crashes }, 'an upstream process ended')
    // One that never got through its handshake waits for the next who needs it.
    if (!ready) return
    this.#life = this.#start()
    this.#life.catch(() => undefined)
  }

  async #handshake(born: Born): Promise<Life> {
    const { process, session } = born
    const signal = AbortSignal.any([AbortSignal.timeout(startMsMax), this.#closing.signal])
    try {
      const learnt = await greet(session, signal)
      born.ready = true
      return { process, session, learnt }
    } catch (error) {
      await process.stop()
      const detail = error instanceof Fault ? (error.detail ?? error.message) : String(error)
      throw unreachable(this.#spec.name, `its handshake failed: ${detail}`)
    }
  }
}

// Legacy first: that is what processes speak today. One that knows only the modern era refuses `initialize`.
async function greet(session: StdioSession, signal: AbortSignal): Promise<Learnt> {
  const initialize: RpcRequest = {
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: { protocolVersion: legacyVersion, capabilities: {}, clientInfo: ourselves },
  }
  const { message } = await session.call(initialize, signal).answer
  if (!('error' in message)) {
    session.notify('notifications/initialized')
    return learntFromInitialize(message.result)
  }
  const discover = requestToModern({ jsonrpc: '2.0', id: 0, method: 'server/discover' }, ourselves)
  const { message: found } = await session.call(discover, signal).answer
  const learnt = 'error' in found ? undefined : learntFromDiscover(found.result)
  if (learnt === undefined) throw new Error(`it refuses \`initialize\`: ${message.error.message.slice(0, 200)}`)
  return learnt
}

function bridged(request: UpstreamRequest, learnt: Learnt): RpcRequest {
  const { message } = request
  const from = eraOf(request.protocolVersion)
  if (from === learnt.era) return message
  return learnt.era === 'legacy'
    ? requestToLegacy(message)
    : requestToModern(message, request.clientInfo ?? clientInfoOf(message) ?? ourselves)
}

async function* streamed(call: Call, translate: (answer: Answer) => Answer): AsyncGenerator<ReplyEvent> {
  yield* call.progress
  yield translate(await call.answer)
}

function resultOf(upstream: string, { message }: Answer): Record<string, unknown> {
  if ('error' in message) throw errorOf(upstream, message.error)
  return message.result
}
