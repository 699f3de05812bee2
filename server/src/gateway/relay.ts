import { Fault } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import type { Outcome } from '../ledger/entry.ts'
import type { Receipt } from '../ledger/intent.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Upstream } from '../model/upstream.ts'
import type { Call } from './call-state.ts'
import { ClientSide, type AskingRooms } from './client-side.ts'
import { urlOfCall } from './earlier.ts'
import { inDoubt, type Exchange } from './exchanges.ts'
import { Pace } from './pace.ts'
import type { Pool } from './pool.ts'
import { outcomeOf, outcomeOfFailure } from './record.ts'
import { readInput, type NextRound } from './input-required.ts'
import { withOurTaskId } from './task-handle.ts'
import { isResponse, type RpcResponse } from './upstream/message.ts'
import type { FlowingReply, ReplyEvent, UpstreamReply, UpstreamRequest } from './upstream/upstream-kind.ts'

/** A call that is recorded and may now be made. */
export interface Recorded {
  call: Call
  exchange: Exchange
  receipt: Receipt
  upstream: Upstream
  request: UpstreamRequest
  /** Whether the upstream may ask the client anything: of a call that somebody approved, nothing beside it may. */
  asks: boolean
}

interface RelayRooms extends AskingRooms {
  ledger: Ledger
  pool: Pool
  log: Log
  origin: string
}

/** How a call ended, and what is left to tell the client of it once that is in the ledger. */
interface End {
  outcome: Outcome
  /** Why there is no answer. */
  failure?: unknown
  tell(): void
  /** The answer, where it can still be changed. */
  whole?: { message: RpcResponse; text: () => string }
}

/** A call that is made, with the client's end of it. */
interface Made extends Recorded {
  side: ClientSide
}

/**
 * Makes the recorded call, passes what the upstream says on as it comes, and records the outcome before the client has
 * the end of the answer. If the outcome cannot be recorded the client is answered all the same, for the call was made;
 * recovery gives such an intent the outcome `unknown`.
 *
 * @returns what to send once more, as a call of its own, where the upstream asked for input and the client has given it
 *   without having to come back.
 * @throws {Fault} when the upstream could not be reached or broke off; the outcome is `failure` if it certainly did not
 *   act, else `unknown`.
 */
export async function relay(rooms: RelayRooms, recorded: Recorded): Promise<NextRound | undefined> {
  const side = new ClientSide(rooms, recorded.call, recorded.exchange)
  const { signal } = recorded.exchange
  const made: Made = { ...recorded, side }
  const timer = streamWhenLong(recorded)
  const { outcome, failure, whole, tell } = await recordedEnd(rooms, made)
  clearTimeout(timer)
  try {
    const there = side.settle()
    if (there !== true && !(await there)) return undefined
    if (failure !== undefined || signal.aborted) {
      // The reason may come after what it caused: asked last.
      tellFailure(rooms, made, { error: signal.aborted ? ended(recorded.exchange) : failure, outcome })
    } else {
      if (whole !== undefined && isInputRequired(whole.message)) return await readInput(rooms, made, whole)
      const ours = whole && withOurTaskId(rooms.tasks, recorded.call, whole)
      if (ours === undefined) tell()
      else side.reply.json(200, side.readdressed(ours))
    }
  } catch (error) {
    if (tellModel(side, error)) return undefined
    // Who came back later is told here: the request that was first is answered already.
    if (side.call === recorded.call) throw error
    side.reply.fault(side.call.envelope, error)
  }
  // What was not taken is still here, and so the call keeps its place among those of its principal.
  if (side.reply.untaken) recorded.exchange.outlast(side.reply.taken())
  return undefined
}

/** After how long an answer that is not there yet becomes a stream, where the client can take a stream up again. */
const longMs = 250

function streamWhenLong({ call: { reply }, exchange, request }: Recorded): NodeJS.Timeout | undefined {
  if (!reply.keeps) return undefined
  reply.keepWhile(() => exchange.stillHolds(), request.text.length)
  return setTimeout(() => reply.stream(), longMs)
}

// A legacy client takes an error of the protocol for a broken server: what the model can act on is told as a result.
function tellModel({ call: { envelope, reply } }: ClientSide, error: unknown): boolean {
  if (!(error instanceof Fault) || error.code !== 'gateway.input_refused') return false
  if (envelope.era !== 'legacy' || envelope.method !== 'tools/call') return false
  reply.result(envelope, { isError: true, content: [{ type: 'text', text: `${error.message}.` }] })
  return true
}

async function recordedEnd(rooms: RelayRooms, made: Made): Promise<End> {
  const { call, exchange, receipt, upstream, request, side, asks } = made
  let end: End
  try {
    // Set, not copied: of a request not all is made before it is asked for.
    if (asks) request.ask = (question, signal) => side.ask(question, signal)
    const answer = await rooms.pool.get(upstream).send(receipt, request, exchange.signal)
    end = answer.kind === 'json' ? passWhole(answer, made) : await passLong(answer, made)
  } catch (error) {
    const failure = error ?? new Error('it failed without a reason')
    end = { outcome: outcomeOfFailure(failure), failure, tell: () => undefined }
  }
  try {
    await rooms.ledger.recordOutcome(receipt, end.outcome)
  } catch (error) {
    rooms.log.error({ error, call: call.id }, 'cannot record the outcome of a call; recovery will call it unknown')
  }
  return end
}

function isInputRequired(message: RpcResponse): boolean {
  return 'result' in message && message.result['resultType'] === 'input_required'
}

function isTask(message: RpcResponse): boolean {
  return 'result' in message && message.result['resultType'] === 'task'
}

function passWhole(answer: UpstreamReply & { kind: 'json' }, { side, upstream }: Made): End {
  return {
    outcome: outcomeOf(answer.message, answer.bytes),
    whole: { message: answer.message, text: () => answer.text },
    tell: () => {
      const { era, id } = side.call.envelope
      const own = id === answer.message.id
      // Before the modern era an answer of JSON-RPC has no other status, and clients look no further where it has.
      const status = era === 'legacy' && upstream.learnt?.era === 'modern' ? 200 : answer.status
      if (own) side.reply.pass(status, answer)
      else side.reply.json(status, side.readdressed(answer.text))
    },
  }
}

function passLong(answer: Exclude<UpstreamReply, { kind: 'json' }>, made: Made): Promise<End> {
  return answer.kind === 'stream' ? passStream(answer, made) : passFlow(answer, made)
}

// The last part stays back until the outcome is recorded: before it, the client has no whole answer.
async function passFlow(answer: FlowingReply, { call, exchange }: Made): Promise<End> {
  call.reply.begin(answer.status)
  let held: Uint8Array | undefined
  for (;;) {
    const { done, value } = await answer.parts.next()
    if (done === true) {
      const last = held
      // What has flowed cannot be taken back, and this would have had to be changed.
      if (isInputRequired(value.message) || isTask(value.message)) throw unforeseen()
      return { outcome: outcomeOf(value.message, value.bytes), tell: () => call.reply.end(last) }
    }
    if (held !== undefined) call.reply.part(held)
    held = value
    await call.reply.drained(exchange.signal)
  }
}

async function passStream(answer: UpstreamReply & { kind: 'stream' }, { side, exchange }: Made): Promise<End> {
  const pace = new Pace<ReplyEvent>(
    (event) => side.event(event),
    ({ message }) => ('method' in message ? message.method : ''),
  )
  try {
    for await (const event of answer.events) {
      if (isLast(event)) {
        const { text, message } = event
        const outcome = outcomeOf(message, Buffer.from(text))
        const tell = () => side.reply.json(200, side.readdressed(text))
        return { outcome, whole: { message, text: () => text }, tell }
      }
      pace.offer(event)
      await side.reply.drained(exchange.signal)
    }
  } finally {
    pace.end()
  }
  throw new Fault('gateway.upstream_failed', 'the upstream broke off before it answered')
}

function isLast(event: ReplyEvent): event is ReplyEvent & { message: RpcResponse } {
  return isResponse(event.message)
}

function unforeseen(): Fault {
  return new Fault(
    'gateway.upstream_bad_reply',
    'the upstream asks for input, or makes a task, in an answer that is too large',
  )
}

/** Tells a client that does not get its answer what came of the call, and where that can be read later. */
function tellFailure(
  rooms: RelayRooms,
  { call, side }: Made,
  { error, outcome }: { error: unknown; outcome: Outcome },
): void {
  if (!(error instanceof Fault)) rooms.log.error({ error, call: call.id }, 'a call failed inside')
  const fault = error instanceof Fault ? error : new Fault('gateway.upstream_failed', 'the call failed inside')
  const url = urlOfCall(rooms, call.id)
  const told = new Fault(
    fault.code,
    outcome.status === 'unknown' ? `${fault.message}; outcome unknown: ${url}` : fault.message,
    {
      status: fault.status,
      detail: fault.detail ?? '',
      data: { ...fault.data, outcome: outcome.status, call: call.id, url },
      cause: error,
    },
  )
  if (!side.reply.begun) throw told
  if (side.reply.streams) side.reply.fault(side.call.envelope, told)
  // A JSON answer that just ended would look like a whole one.
  else side.reply.destroy()
}

function ended(exchange: Exchange): Fault {
  const why: unknown = exchange.signal.reason
  if (why instanceof Error && why.message === inDoubt)
    return new Fault('base.busy', `the call was broken off: ${inDoubt}`)
  return new Fault(
    'gateway.withdrawn',
    'the call was broken off: the right behind it was withdrawn, or the client went away',
    {
      detail: String(exchange.signal.reason),
    },
  )
}
