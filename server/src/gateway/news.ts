import { setTimeout as sleep } from 'node:timers/promises'
import type { Upstream } from '../model/upstream.ts'
import type { Pool } from './pool.ts'
import { legacyVersion, ourselves } from './upstream/era.ts'
import { isListChanged } from './upstream/message.ts'

interface Watch {
  listeners: number
  ending: AbortController
}

/** An upstream that offers no such stream, or broke off, is tried again after this long. */
const retryMs = 30_000

/**
 * Hears for all clients together when an upstream says that its lists have changed: one stream to each upstream, while
 * anybody listens.
 */
export class News {
  readonly #pool: Pool
  readonly #watches = new Map<string, Watch>()

  constructor(pool: Pool) {
    this.#pool = pool
  }

  /**
   * Tells `heard` the notification's method each time, after the upstream has been looked at; disposing of it ends that.
   */
  listen(upstream: Upstream, heard: (method: string) => void): Disposable {
    const watch = this.#watches.get(upstream.name) ?? this.#begin(upstream)
    watch.listeners++
    const unsubscribe = this.#pool.onListChanged(upstream.name, heard)
    return {
      [Symbol.dispose]: () => {
        unsubscribe()
        if (--watch.listeners > 0) return
        watch.ending.abort()
        this.#watches.delete(upstream.name)
      },
    }
  }

  close(): void {
    for (const { ending } of this.#watches.values()) ending.abort()
  }

  #begin(upstream: Upstream): Watch {
    const watch = { listeners: 0, ending: new AbortController() }
    this.#watches.set(upstream.name, watch)
    void this.#watch(upstream, watch.ending.signal)
    return watch
  }

  async #watch(upstream: Upstream, signal: AbortSignal): Promise<void> {
    const own = { callerKey: 'sallyport listens', protocolVersion: legacyVersion, client: ourselves }
    while (!signal.aborted) {
      try {
        const connection = this.#pool.get(upstream)
        const said = connection.listen?.({ ...own, ask: undefined, lists: true, resources: [] }, signal)
        if (said === undefined) return
        for await (const { method } of said) if (isListChanged({ method })) this.#pool.changed(upstream, method)
      } catch {
        // Whatever it was: the list is looked at from time to time anyway.
      }
      await sleep(retryMs, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }
}
