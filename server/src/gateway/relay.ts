import { Fault } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import type { Outcome } from '../ledger/entry.ts'
import type { Receipt } from '../ledger/intent.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Upstream } from '../model/upstream.ts'
import type { Call } from './call-state.ts'
import { urlOfCall } from './earlier.ts'
import type { Exchange } from './exchanges.ts'
import type { Pool } from './pool.ts'
import { outcomeOf, outcomeOfFailure } from './record.ts'
import type { FlowingReply, ReplyEvent, UpstreamReply, UpstreamRequest } from './upstream/upstream-kind.ts'

/** A call that is recorded and may now be made. */
export interface Recorded {
  call: Call
  exchange: Exchange
  receipt: Receipt
  upstream: Upstream
  request: UpstreamRequest
}

interface RelayRooms {
  ledger: Ledger
  pool: Pool
  log: Log
  origin: string
}

/** How a call ended, and what is left to tell the client of it once that is in the ledger. */
interface End {
  outcome: Outcome
  tell(): void
}

/**
 * Makes the recorded call, passes what the upstream says on as it comes, and records the outcome before the client has
 * the end of the answer. If the outcome cannot be recorded the client is answered all the same, for the call was made;
 * recovery gives such an intent the outcome `unknown`.
 *
 * @throws {Fault} when the upstream could not be reached or broke off; the outcome is `failure` if it certainly did not
 *   act, else `unknown`.
 */
export async function relay(rooms: RelayRooms, recorded: Recorded): Promise<void> {
  const end = await act(rooms, recorded).catch((error: unknown) => brokenOff(rooms, recorded, error))
  try {
    await rooms.ledger.recordOutcome(recorded.receipt, end.outcome)
  } catch (error) {
    rooms.log.error(
      { error, call: recorded.call.id },
      'cannot record the outcome of a call; recovery will call it unknown',
    )
  }
  end.tell()
}

async function act(rooms: RelayRooms, recorded: Recorded): Promise<End> {
  const { call, exchange, receipt, upstream, request } = recorded
  const answer = await rooms.pool.get(upstream).send(receipt, request, exchange.signal)
  const passed =
    answer.kind === 'stream'
      ? await passStream(answer, call, exchange)
      : answer.kind === 'flow'
        ? await passFlow(answer, call, exchange)
        : passWhole(answer, call)
  return {
    outcome: passed.outcome,
    tell: () => {
      if (exchange.signal.aborted) tellFailure(rooms, call, { error: ended(exchange), outcome: passed.outcome })
      else passed.tell()
    },
  }
}

function passWhole(answer: UpstreamReply & { kind: 'json' }, call: Call): End {
  return {
    outcome: outcomeOf(answer.message, answer.bytes),
    tell: () => call.reply.json(answer.status, answer.bytes),
  }
}

// The last part stays back until the outcome is recorded: before it, the client has no whole answer.
async function passFlow(answer: FlowingReply, call: Call, exchange: Exchange): Promise<End> {
  call.reply.begin(answer.status)
  let held: Uint8Array | undefined
  for (;;) {
    const { done, value } = await answer.parts.next()
    if (done === true) {
      const last = held
      return { outcome: outcomeOf(value.message, value.bytes), tell: () => call.reply.end(last) }
    }
    if (held !== undefined) call.reply.part(held)
    held = value
    await call.reply.drained(exchange.signal)
  }
}

async function passStream(answer: UpstreamReply & { kind: 'stream' }, call: Call, exchange: Exchange): Promise<End> {
  call.reply.stream()
  for await (const event of answer.events) {
    if (isLast(event)) {
      const outcome = outcomeOf(event.message, Buffer.from(event.text))
      return { outcome, tell: () => call.reply.event(event.text, true) }
    }
    call.reply.event(event.text)
    await call.reply.drained(exchange.signal)
  }
  throw new Fault('gateway.upstream_failed', 'the upstream broke off before it answered')
}

function isLast({ message }: ReplyEvent): boolean {
  return 'result' in message || 'error' in message
}

function brokenOff(rooms: RelayRooms, { call, exchange }: Recorded, error: unknown): End {
  const outcome = outcomeOfFailure(error)
  // Asked last: the reason may come after what it caused.
  const told = () => (exchange.signal.aborted ? ended(exchange) : error)
  return { outcome, tell: () => tellFailure(rooms, call, { error: told(), outcome }) }
}

/** Tells a client that does not get its answer what came of the call, and where that can be read later. */
function tellFailure(rooms: RelayRooms, call: Call, { error, outcome }: { error: unknown; outcome: Outcome }): void {
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
  if (!call.reply.begun) throw told
  if (call.reply.streams) call.reply.fault(call.envelope, told)
  // A JSON answer that just ended would look like a whole one.
  else call.reply.destroy()
}

function ended(exchange: Exchange): Fault {
  return new Fault(
    'gateway.withdrawn',
    'the call was broken off: the right behind it was withdrawn, or the client went away',
    {
      detail: String(exchange.signal.reason),
    },
  )
}
