import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Dialer } from '../../base/dial.ts'
import { Fault } from '../../base/fault.ts'
import { readJson } from '../../base/json.ts'
import type { Log } from '../../base/log.ts'
import { Refused, type SetError } from './refused.ts'
import type { Stream } from './stream.ts'

const setsMax = 50
const setBytesMax = 64 * 1_024
const answerBytesMax = 1_024 * 1_024
const timeoutMs = 20_000
const backoffMs = { first: 1_000, max: 5 * 60_000 }

const answerSchema = z.object({ sets: z.record(z.string(), z.string()) })

/** How the polling of a transmitter goes, in this process. */
export interface Polling {
  /** When it last answered as it should. */
  answeredAt: number | undefined
  /** Why it does not, since then. */
  problem: string | undefined
}

/** What the next request says of the tokens of the last answer. */
interface Told {
  ack: string[]
  setErrs: Record<string, { err: SetError; description: string }>
}

/** How long to wait after so many failures in a row: twice as long each time, five minutes at the most. */
export function backoffAfter(failures: number): number {
  return Math.min(backoffMs.max, backoffMs.first * 2 ** Math.min(failures - 1, 20))
}

/**
 * Polls a transmitter until `signal` is aborted: one request at a time, a bounded answer, a pause after each that brought
 * nothing new, and a longer one after each that failed.
 *
 * Promise: a token is acknowledged only after what it takes away has been taken and is durable. What is not acknowledged
 * comes again; taking it again changes nothing.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8936
 */
export async function poll(
  stream: Stream,
  parts: { dialer: Pick<Dialer, 'fetch'>; log: Log; state: Polling; now(): number },
  signal: AbortSignal,
): Promise<void> {
  const { state, log } = parts
  const pauseMs = stream.config.poll!.everySeconds * 1_000
  let told: Told = { ack: [], setErrs: {} }
  let failures = 0
  let atOnce = setsMax
  while (!signal.aborted) {
    let waitMs = pauseMs
    try {
      const answer = await ask(stream, parts.dialer, { told, atOnce, signal })
      const taken = await takeAll(stream, answer.sets, log)
      told = taken.told
      if (taken.trouble !== undefined) throw taken.trouble
      failures = 0
      atOnce = setsMax
      Object.assign(state, { answeredAt: parts.now(), problem: undefined })
      // What came is acknowledged at once. A transmitter that sends the same again and again is asked at its pace.
      if (taken.news) waitMs = 0
    } catch (error) {
      if (signal.aborted) return
      failures++
      // Else what is too large together would never come.
      if (error instanceof Fault && error.code === 'base.too_large') atOnce = Math.ceil(atOnce / 4)
      waitMs = Math.max(pauseMs, backoffAfter(failures))
      state.problem = error instanceof Fault ? error.message : 'its answer cannot be read'
      log.warn({ transmitter: stream.config.id, error, failures }, 'a transmitter of signals could not be polled')
    }
    if (waitMs > 0) await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined)
  }
}

async function ask(
  stream: Stream,
  dialer: Pick<Dialer, 'fetch'>,
  { told, atOnce, signal }: { told: Told; atOnce: number; signal: AbortSignal },
): Promise<z.infer<typeof answerSchema>> {
  const { url, token } = stream.config.poll!
  const response = await dialer.fetch(
    url,
    {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        authorization: `Bearer ${token}`,
      },
      body: JSON.stringify({ maxEvents: atOnce, returnImmediately: true, ...told }),
      signal,
    },
    { bytesMax: answerBytesMax, timeoutMs },
  )
  const body = new Uint8Array(await response.arrayBuffer())
  if (response.status !== 200) {
    throw new Fault('base.unreachable', `it answered with status ${response.status}`)
  }
  return answerSchema.parse(readJson(body, { bytesMax: answerBytesMax, depthMax: 8 }))
}

/** Takes what came, one after another: `told` is for the next request, `trouble` why some must come again. */
async function takeAll(
  stream: Stream,
  sets: Record<string, string>,
  log: Log,
): Promise<{ told: Told; news: boolean; trouble: Error | undefined }> {
  const told: Told = { ack: [], setErrs: {} }
  let news = false
  let trouble: Error | undefined
  for (const [jti, token] of Object.entries(sets).slice(0, setsMax)) {
    try {
      if (token.length > setBytesMax) throw new Refused('invalid_request', 'the token is too large')
      news = (await stream.take(token, jti)) || news
      told.ack.push(jti)
    } catch (error) {
      // What is not told comes again. Trouble that has a name is likely to meet the rest too; other trouble may be of this
      // one alone, and must not keep the others from being taken.
      if (error instanceof Refused) {
        log.warn({ transmitter: stream.config.id, code: error.code, why: error.message }, 'a signal was refused')
        told.setErrs[jti] = { err: error.code, description: error.message }
      } else {
        trouble = error as Error
        if (error instanceof Fault) break
      }
    }
  }
  return { told, news, trouble }
}
