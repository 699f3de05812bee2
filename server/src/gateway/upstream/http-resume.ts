import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../base/fault.ts'
import { cancelled } from './answer.ts'
import { readEvents, type ServerEvent } from './event-stream.ts'
import type { HttpAnswer } from './http-exchange.ts'

// An upstream of the handshake eras may close the stream of an answer, and expects to be asked for the rest (SEP-1699).

const waitMs = { usual: 1_000, max: 30_000 }
/** How often in a row it may close a stream on which nothing came. */
const emptyMax = 5

/**
 * The events of an answer across all the streams that the upstream spreads them over. Asking for the rest repeats nothing:
 * the call was sent once, and this names the last event of it that came.
 *
 * @param again Asks for what came after an event; it is undefined, and so is its answer, where there is nothing to be had.
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery
 */
export async function* resumedEvents(
  first: HttpAnswer,
  again: ((lastEventId: string) => Promise<HttpAnswer | undefined>) | undefined,
  signal: AbortSignal,
): AsyncGenerator<{ answer: HttpAnswer; event: ServerEvent }> {
  let answer: HttpAnswer | undefined = first
  let lastId: string | undefined
  let retryMs: number = waitMs.usual
  for (let empty = 0; answer !== undefined && empty < emptyMax; empty++) {
    try {
      for await (const event of readEvents(answer.chunks)) {
        empty = 0
        if (event.retry !== undefined) retryMs = Math.min(event.retry, waitMs.max)
        if (event.id !== undefined) lastId = event.id
        yield { answer, event }
      }
    } catch (error) {
      // The connection broke: where the upstream numbers its events, that is no more than a stream that was closed.
      if (
        again === undefined ||
        lastId === undefined ||
        !(error instanceof Fault) ||
        error.code !== 'gateway.upstream_lost'
      )
        throw error
    }
    if (again === undefined || lastId === undefined) return
    await sleep(retryMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) throw cancelled(signal)
    answer = await again(lastId)
  }
}
