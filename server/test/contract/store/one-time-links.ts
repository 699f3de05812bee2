import assert from 'node:assert/strict'
import {
  endLinksBy,
  findOpenLink,
  insertOneTimeLink,
  type OneTimeLink,
  spendLink,
} from '../../../src/store/one-time-links.ts'
import type { Store } from '../../../src/store/store.ts'

const link = (id: string, createdBy?: string): OneTimeLink => ({
  id,
  purpose: 'invitation',
  payload: '{"name":"Bo"}',
  createdBy,
  createdAt: 1,
  expiresAt: 100,
  usedAt: undefined,
})

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a link is open until it is spent or expires',
    async (store) => {
      await insertOneTimeLink(store, link('one', 'ana'))
      assert.deepEqual(await findOpenLink(store, 'one', 99), link('one', 'ana'))
      assert.equal(await findOpenLink(store, 'one', 100), undefined)
      assert.equal(await spendLink(store, 'one', 100), undefined)
      assert.deepEqual(await spendLink(store, 'one', 99), { ...link('one', 'ana'), usedAt: 99 })
      assert.equal(await findOpenLink(store, 'one', 50), undefined)
    },
  ],
  [
    'of many that spend a link at once exactly one does',
    async (store) => {
      await insertOneTimeLink(store, link('one'))
      const spent = await Promise.all([1, 2, 3, 4, 5].map((at) => spendLink(store, 'one', at)))
      assert.equal(spent.filter((each) => each !== undefined).length, 1)
    },
  ],
  [
    'spending in a transaction that fails leaves the link open',
    async (store) => {
      await insertOneTimeLink(store, link('one'))
      const failing = store.transaction(async (tx) => {
        await spendLink(tx, 'one', 5)
        throw new Error('a step after it failed')
      })
      await assert.rejects(failing, /a step after it failed/)
      assert.ok(await findOpenLink(store, 'one', 5))
    },
  ],
  [
    'the open links of one principal are ended, and no others',
    async (store) => {
      await insertOneTimeLink(store, link('hers', 'ana'))
      await insertOneTimeLink(store, link('his', 'bo'))
      await endLinksBy(store, 'ana', 50)
      assert.equal(await findOpenLink(store, 'hers', 50), undefined)
      assert.ok(await findOpenLink(store, 'his', 50))
    },
  ],
]
