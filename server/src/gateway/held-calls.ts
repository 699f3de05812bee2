import { makeSecret } from '../base/ids.ts'
import type { Call } from './call-state.ts'

/** How long a call waits for its client to come back with the answers; then it is cancelled at the upstream. */
const heldMsMax = 10 * 60_000

/**
 * Calls of modern clients that a legacy upstream has a question about: the upstream's side stays open while the client
 * asks whoever it asks. A call is taken up once, by the process that holds it; there is no second try.
 */
export class HeldCalls {
  readonly #held = new Map<string, (retry: Call | undefined) => void>()

  get size(): number {
    return this.#held.size
  }

  /**
   * Holds a call.
   *
   * @param signal ends the wait: the right behind the call was withdrawn.
   * @returns its id, and the request with which the client takes it up again; undefined when it does not in time.
   */
  hold(signal: AbortSignal): { id: string; taken: Promise<Call | undefined> } {
    const id = makeSecret()
    const { promise, resolve } = Promise.withResolvers<Call | undefined>()
    const end = (retry: Call | undefined): void => {
      this.#held.delete(id)
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      resolve(retry)
    }
    const onAbort = () => end(undefined)
    const timer = setTimeout(onAbort, heldMsMax)
    timer.unref()
    signal.addEventListener('abort', onAbort, { once: true })
    this.#held.set(id, end)
    if (signal.aborted) end(undefined)
    return { id, taken: promise }
  }

  /** @returns whether the call was held here and nobody has taken it up before. */
  take(id: string, retry: Call): boolean {
    const end = this.#held.get(id)
    end?.(retry)
    return end !== undefined
  }
}
