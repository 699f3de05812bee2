import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Caller } from '../oauth/access-token.ts'
import type { Feed } from '../store/feed.ts'
import type { About } from '../store/revisions.ts'
import { Exchanges } from './exchanges.ts'

const caller = { principalId: 'ana', grantId: 'g1', key: 'g1' } as Caller

function openExchanges() {
  const listeners = new Set<(about: About) => void>()
  const state = { now: 0, fresh: true, lapse: () => undefined as void }
  const feed = {
    subscribe(listener: (about: About) => void, onLapse: () => void) {
      listeners.add(listener)
      state.lapse = onLapse
      return () => listeners.delete(listener)
    },
  } as unknown as Feed
  return { exchanges: new Exchanges(feed, { now: () => state.now, monotonic: () => state.now }), listeners, state }
}

function begin(exchanges: Exchanges, holds: () => boolean, requestId?: number) {
  const ending = new AbortController()
  return exchanges.begin({ caller, ending, kind: 'stream', requestId }, async () => (holds() ? Infinity : undefined))
}

/** Lets the time pass after which ended rights are looked for. */
async function sweep(t: TestContext): Promise<void> {
  t.mock.timers.tick(2_000)
  await setImmediate()
}

test('a right that ends by time, of which there is no news, ends its exchange all the same, and is not asked before', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { exchanges, state } = openExchanges()
  const asked: number[] = []
  const ending = new AbortController()
  using exchange = exchanges.begin({ caller, ending, kind: 'stream' }, async () => {
    asked.push(state.now)
    return state.now < 100 ? 100 : undefined
  })
  for (state.now = 1; state.now < 100; state.now += 33) await sweep(t)
  assert.deepEqual([asked, exchange.signal.aborted], [[1], false], 'asked once, when it was new')
  state.now = 100
  await sweep(t)
  assert.deepEqual([asked, exchange.signal.aborted], [[1, 100], true])
})

test('when the lease ends without news every exchange is asked, which is doubt, and no sweep is waited for', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { exchanges, state } = openExchanges()
  using exchange = begin(exchanges, () => state.fresh)
  await sweep(t)
  assert.equal(exchange.signal.aborted, false)
  state.fresh = false
  state.lapse()
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
  for (const listener of listeners) listener({ kind: 'tool' })
  await exchanges.checkAll()
  assert.deepEqual([good.signal.aborted, gone.signal.aborted, doubtful.signal.aborted], [false, true, true])
  assert.match(String(gone.signal.reason), /withdrawn/)
  assert.match(String(doubtful.signal.reason), /could not be read/)
  exchanges.close()
  assert.equal(good.signal.aborted, true)
  assert.equal(listeners.size, 0)
})

test('what could not be said once, and can then, does not end', async () => {
  const { exchanges } = openExchanges()
  let asked = 0
  using slow = begin(exchanges, () => {
    if (asked++ === 0) throw new Error('not in time')
    return true
  })
  await exchanges.checkAll()
  assert.deepEqual([asked, slow.signal.aborted], [2, false])
})

test('news of one grant, client or principal ask those whom they concern; all other news ask everybody', async () => {
  const { exchanges, listeners } = openExchanges()
  const asked: string[] = []
  const ending = new AbortController()
  for (const who of ['ana', 'bo']) {
    const of = { principalId: `p ${who}`, clientId: `c ${who}`, grantId: `g ${who}` } as Caller
    exchanges.begin({ caller: of, ending, kind: 'stream' }, async () => {
      asked.push(who)
      return Infinity
    })
  }
  const askedBy = async (about: About): Promise<string[]> => {
    for (const listener of listeners) listener(about)
    await setImmediate()
    return asked.splice(0)
  }
  assert.deepEqual(await askedBy({ kind: 'grant', id: 'g ana' }), ['ana'])
  assert.deepEqual(await askedBy({ kind: 'client', id: 'c bo' }), ['bo'])
  assert.deepEqual(await askedBy({ kind: 'principal', id: 'p ana' }), ['ana'])
  assert.deepEqual(await askedBy({ kind: 'entitlement', id: 'p bo' }), ['bo'])
  assert.deepEqual(await askedBy({ kind: 'grant' }), ['ana', 'bo'], 'who is not named may be anybody')
  for (const kind of ['bundle', 'connection', 'setting', 'tool', 'upstream'] as const) {
    assert.deepEqual(await askedBy({ kind, id: 'desk' }), ['ana', 'bo'], kind)
  }
  exchanges.close()
})

test('a client cancels its one request of an id, and nothing where that is not exactly one', () => {
  const { exchanges } = openExchanges()
  using one = begin(exchanges, () => true, 1)
  using two = begin(exchanges, () => true, 2)
  using again = begin(exchanges, () => true, 2)
  exchanges.cancel(caller, 2)
  exchanges.cancel({ principalId: 'ana', grantId: 'g2', key: 'g2' } as Caller, 1)
  // A token of the same grant that reaches less.
  exchanges.cancel({ principalId: 'ana', grantId: 'g1', key: 'g1 read' } as Caller, 1)
  assert.deepEqual([one.signal.aborted, two.signal.aborted, again.signal.aborted], [false, false, false])
  exchanges.cancel(caller, 1)
  assert.equal(one.signal.aborted, true)
  exchanges.close()
})

test('a hundred thousand exchanges that began and ended leave nothing behind', () => {
  const { exchanges } = openExchanges()
  const ending = new AbortController()
  for (let i = 0; i < 100_000; i++) {
    const of = { principalId: `p${i % 1_000}`, grantId: 'g' } as Caller
    using _place = exchanges.arrive({ caller: of })
    using exchange = exchanges.begin({ caller: of, ending, kind: 'call', requestId: i }, async () => Infinity)
    if (i % 3 === 0) exchange.end('cut off')
  }
  assert.equal(exchanges.size, 0)
  const of = { principalId: 'p0', grantId: 'g' } as Caller
  for (let i = 0; i < 64; i++) exchanges.begin({ caller: of, ending, kind: 'stream' }, async () => Infinity)
  // Every place was given back: as many as one may hold are free, and not one more.
  assert.throws(() => exchanges.begin({ caller: of, ending, kind: 'stream' }, async () => Infinity), {
    code: 'gateway.too_many_streams',
  })
  exchanges.close()
})
