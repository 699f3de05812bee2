import type { TestContext } from 'node:test'
import type { Store } from '../src/store/store.ts'
import { inTime } from './patience.ts'

/** A transaction that waits for us. */
export interface Held {
  /** Resolves when it waits. */
  readonly reached: Promise<void>
  go(): void
}

/**
 * Holds the next transaction of a store until `go`: before it begins, or with all that it does done and nothing of it
 * committed. Those that come after it are not held.
 */
export function holdTransaction(t: TestContext, store: Store, at: 'begin' | 'end'): Held {
  const [reached, freed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  t.after(() => freed.resolve())
  const transaction = store.transaction.bind(store)
  const wait = (): Promise<void> => {
    reached.resolve()
    return freed.promise
  }
  const held: Store['transaction'] = async (work) => {
    if (at === 'begin') {
      await wait()
      return transaction(work)
    }
    return transaction(async (tx) => {
      const result = await work(tx)
      await wait()
      return result
    })
  }
  t.mock.method(store, 'transaction', held, { times: 1 })
  return {
    get reached() {
      return inTime(reached.promise, `a transaction is held at its ${at}`)
    },
    go: () => freed.resolve(),
  }
}
