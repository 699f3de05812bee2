import assert from 'node:assert/strict'
import {
  deleteEndedRates,
  findWait,
  givePoint,
  givePoints,
  type RateLimit,
  takePoint,
} from '../../../src/store/rates.ts'
import type { Store } from '../../../src/store/store.ts'

const limit: RateLimit = { name: 'logins', points: 3, seconds: 10 }

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a limit lets its points through, says how long to wait, and is whole again when its time is over',
    async (store) => {
      const take = (now: number) => takePoint(store, limit, { key: 'a', now })
      assert.deepEqual([await take(1_000), await take(2_000), await take(3_000)], [undefined, undefined, undefined])
      const find = (now: number) => findWait(store, limit, { key: 'a', now })
      assert.deepEqual([await find(4_000), await find(10_999), await find(11_000)], [7_000, 1, undefined])
      assert.deepEqual([await take(4_000), await take(10_999)], [7_000, 1])
      assert.equal(await take(11_000), undefined)
    },
  ],
  [
    'of many at once no more get through than it has points',
    async (store) => {
      const all = await Promise.all(Array.from({ length: 50 }, () => takePoint(store, limit, { key: 'a', now: 1_000 })))
      assert.equal(all.filter((wait) => wait === undefined).length, 3)
    },
  ],
  [
    'several points are taken all or not at all, and what is refused takes none',
    async (store) => {
      const take = (count: number) => takePoint(store, limit, { key: 'a', now: 1_000, count })
      assert.deepEqual(
        [await take(4), await take(2), await take(2), await take(1)],
        [10_000, undefined, 10_000, undefined],
      )
      assert.equal(await take(1), 10_000)
    },
  ],
  [
    'limits and keys count apart',
    async (store) => {
      for (let at = 0; at < 3; at++) await takePoint(store, limit, { key: 'a', now: 1_000 })
      assert.equal(await takePoint(store, limit, { key: 'b', now: 1_000 }), undefined)
      assert.equal(await takePoint(store, { ...limit, name: 'other' }, { key: 'a', now: 1_000 }), undefined)
      assert.notEqual(await takePoint(store, limit, { key: 'a', now: 1_000 }), undefined)
    },
  ],
  [
    'points are given back, one or all, and never more than were taken',
    async (store) => {
      const take = () => takePoint(store, limit, { key: 'a', now: 1_000 })
      await givePoint(store, limit, 'a')
      for (let at = 0; at < 3; at++) await take()
      await givePoint(store, limit, 'a')
      assert.equal(await take(), undefined)
      assert.notEqual(await take(), undefined)
      await givePoints(store, limit, 'a')
      assert.equal(await take(), undefined)
    },
  ],
  [
    'what is over is forgotten, and nothing else',
    async (store) => {
      for (let at = 0; at < 4; at++) await takePoint(store, limit, { key: 'a', now: 1_000 })
      await deleteEndedRates(store, 10_999)
      assert.notEqual(await takePoint(store, limit, { key: 'a', now: 10_999 }), undefined)
      await deleteEndedRates(store, 11_000)
      assert.equal(await takePoint(store, limit, { key: 'a', now: 5_000 }), undefined)
    },
  ],
]
