import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Caller } from '../oauth/access-token.ts'
import type { Feed } from '../store/feed.ts'
import { Exchanges } from './exchanges.ts'

const caller = { principalId: 'ana', grantId: 'g1' } as Caller

function openExchanges() {
  const listeners = new Set<() => void>()
  const feed = {
    subscribe(listener: () => void) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  } as unknown as Feed
  return { exchanges: new Exchanges(feed), listeners }
}

function begin(exchanges: Exchanges, holds: () => boolean, requestId?: number) {
  const signal = new AbortController().signal
  return exchanges.begin({ caller, signal, kind: 'stream', requestId }, async () => holds())
}

test('a right that ends by time, of which there is no news, ends its exchange all the same', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { exchanges } = openExchanges()
  let holds = true
  using exchange = begin(exchanges, () => holds)
  t.mock.timers.tick(15_000)
  await setImmediate()
  assert.equal(exchange.signal.aborted, false)
  holds = false
  t.mock.timers.tick(15_000)
  await setImmediate()
  assert.equal(exchange.signal.aborted, true)
})

test('news ends what does not hold any more, and doubt counts as no', async () => {
  const { exchanges, listeners } = openExchanges()
  using good = begin(exchanges, () => true)
  using gone = begin(exchanges, () => false)
  using doubtful = begin(exchanges, () => {
    throw new Error('cannot say')
  })
  for (const listener of listeners) listener()
  await exchanges.checkAll()
  assert.deepEqual([good.signal.aborted, gone.signal.aborted, doubtful.signal.aborted], [false, true, true])
  exchanges.close()
  assert.equal(good.signal.aborted, true)
  assert.equal(listeners.size, 0)
})

test('a client cancels its one request of an id, and nothing where that is not exactly one', () => {
  const { exchanges } = openExchanges()
  using one = begin(exchanges, () => true, 1)
  using two = begin(exchanges, () => true, 2)
  using again = begin(exchanges, () => true, 2)
  exchanges.cancel(caller, 2)
  exchanges.cancel({ principalId: 'ana', grantId: 'g2' } as Caller, 1)
  assert.deepEqual([one.signal.aborted, two.signal.aborted, again.signal.aborted], [false, false, false])
  exchanges.cancel(caller, 1)
  assert.equal(one.signal.aborted, true)
  exchanges.close()
})
