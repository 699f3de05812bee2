import type { Clock } from '../base/clock.ts'
import type { TransmitterConfig } from '../base/config.ts'
import type { Dialer } from '../base/dial.ts'
import { readDocument } from '../base/document.ts'
import type { Door } from '../base/listen.ts'
import type { Log } from '../base/log.ts'
import { listSignals, type StoredSignal } from '../store/signals.ts'
import type { Store } from '../store/store.ts'
import type { Throttle } from './login/throttle.ts'
import { type Polling, poll } from './signals/poll.ts'
import { pushDoor } from './signals/push.ts'
import { openStream } from './signals/stream.ts'
import { signalsKept, type TakingParts } from './signals/take.ts'

/** A transmitter, and what it said last. */
export interface Transmitter {
  id: string
  issuer: string
  /** The issuer of the people whom it may speak about. */
  people: string
  pushes: boolean
  /** How the polling goes in this process; absent where it is not polled. */
  polling: Polling | undefined
  /** Newest first, fifty at the most. */
  signals: StoredSignal[]
}

/** What other systems say about our people (Shared Signals): it can take rights away and give none. */
export interface Signals {
  /** Takes what is pushed to `/signals/<id>`. */
  readonly door: Door
  listTransmitters(): Promise<Transmitter[]>
  /** Begins to poll those that are polled. */
  start(): void
  /** Ends the polling; resolves when nothing is under way. */
  close(): Promise<void>
}

/**
 * Opens the receiver of security events. Nothing is fetched before the first event comes or `start` is called.
 *
 * @see https://openid.net/specs/openid-sharedsignals-framework-1_0.html
 * @see docs/guide/signals.md
 */
export function openSignals(
  parts: TakingParts & {
    store: Store
    clock: Clock
    log: Log
    dialer: Pick<Dialer, 'fetch'>
    throttle: Throttle
    transmitters: readonly TransmitterConfig[]
  },
): Signals {
  const { store, clock, log, dialer, throttle } = parts
  const fetch = readDocument(dialer)
  const streams = parts.transmitters.map((config) => openStream({ ...parts, fetch }, config))
  const polled = new Map<string, Polling>()
  const ending = new AbortController()
  const loops: Promise<void>[] = []
  return {
    door: pushDoor({ streams, throttle, log }),
    listTransmitters: () =>
      Promise.all(
        streams.map(async ({ config: { id, issuer, people, push } }) => ({
          id,
          issuer,
          people,
          pushes: push !== undefined,
          polling: polled.get(id),
          signals: await listSignals(store, id, signalsKept),
        })),
      ),
    start() {
      for (const stream of streams) {
        if (stream.config.poll === undefined) continue
        const state: Polling = { answeredAt: undefined, problem: undefined }
        polled.set(stream.config.id, state)
        loops.push(poll(stream, { dialer, log, state, now: () => clock.now() }, ending.signal))
      }
    },
    async close() {
      ending.abort()
      await Promise.allSettled(loops)
    },
  }
}
