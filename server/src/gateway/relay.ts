import { Fault } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import type { Outcome } from '../ledger/entry.ts'
import type { Receipt } from '../ledger/intent.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Upstream } from '../model/upstream.ts'
import type { Call } from './call-state.ts'
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
export async function relay(rooms: { ledger: Ledger; pool: Pool; log: Log }, recorded: Recorded): Promise<void> {
  const end = await act(rooms.pool, recorded).catch((error: unknown) => brokenOff(recorded, error))
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

async function act(pool: Pool, { call, exchange, receipt, upstream, request }: Recorded): Promise<End> {
  const answer = await pool.get(upstream).send(receipt, request, exchange.signal)
  if (answer.kind === 'stream') return passStream(answer, call, exchange)
  if (answer.kind === 'flow') return passFlow(answer, call, exchange)
  return {
    outcome: outcomeOf(answer.message, answer.bytes),
    tell: () => {
      if (exchange.signal.aborted) throw ended(exchange)
      call.reply.json(answer.status, answer.bytes)
    },
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
      return {
        outcome: outcomeOf(value.message, value.bytes),
        tell: () => (exchange.signal.aborted ? call.reply.destroy() : call.reply.end(last)),
      }
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
      return {
        outcome: outcomeOf(event.message, Buffer.from(event.text)),
        tell: () => (exchange.signal.aborted ? call.reply.destroy() : call.reply.event(event.text, true)),
      }
    }
    call.reply.event(event.text)
    await call.reply.drained(exchange.signal)
  }
  throw new Fault('gateway.upstream_failed', 'the upstream broke off before it answered')
}

function isLast({ message }: ReplyEvent): boolean {
  return 'result' in message || 'error' in message
}

function brokenOff({ call, exchange }: Recorded, error: unknown): End {
  return {
    outcome: outcomeOfFailure(error),
    tell: () => {
      // A stream that just ended would look like a whole answer.
      if (call.reply.begun) return call.reply.destroy()
      throw exchange.signal.aborted ? ended(exchange) : error
    },
  }
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
