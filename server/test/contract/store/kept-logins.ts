import assert from 'node:assert/strict'
import {
  deleteKeptLogin,
  findKeptLogin,
  putKeptLogin,
  replaceKeptLogin,
  type KeptLogin,
} from '../../../src/store/kept-logins.ts'
import {
  deleteExpiredSignIns,
  deleteOtherSignIns,
  deleteSignIn,
  deleteSignInsOf,
  deleteSignInsOfSession,
  insertSignIn,
} from '../../../src/store/sign-ins.ts'
import type { Store } from '../../../src/store/store.ts'

const kept = (more: Partial<KeptLogin> = {}): KeptLogin => ({
  principalId: 'ana',
  provider: 'corp',
  signInId: 'one',
  sealed: 'first',
  keptAt: 1,
  endsAt: 100,
  ...more,
})
const find = (store: Store, of: Partial<KeptLogin> = {}, now = 50) => findKeptLogin(store, { ...kept(of), now })

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'what a login brought is found until it ends, for its principal and provider alone',
    async (store) => {
      await putKeptLogin(store, kept())
      assert.deepEqual(await find(store, {}, 99), kept())
      assert.equal(await find(store, {}, 100), undefined)
      assert.equal(await find(store, { principalId: 'bo' }), undefined)
      assert.equal(await find(store, { provider: 'other' }), undefined)
    },
  ],
  [
    'the next login at the same provider takes the place of the last, and what has ended is forgotten',
    async (store) => {
      await putKeptLogin(store, kept({ principalId: 'bo', endsAt: 10 }))
      await putKeptLogin(store, kept())
      await putKeptLogin(store, kept({ signInId: 'two', sealed: 'second', keptAt: 20, endsAt: 200 }))
      assert.equal((await find(store))?.sealed, 'second')
      assert.equal(await find(store, { principalId: 'bo' }, 1), undefined)
    },
  ],
  [
    'it is replaced and forgotten only while it is what it was',
    async (store) => {
      await putKeptLogin(store, kept())
      assert.equal(await replaceKeptLogin(store, kept({ sealed: 'another' }), 'x'), false)
      assert.equal(await replaceKeptLogin(store, kept(), 'second'), true)
      await deleteKeptLogin(store, kept())
      assert.equal((await find(store))?.sealed, 'second')
      await deleteKeptLogin(store, kept({ sealed: 'second' }))
      assert.equal(await find(store), undefined)
    },
  ],
  [
    'it ends with the sign-in that it came by, and with all of its principal',
    async (store) => {
      await putKeptLogin(store, kept())
      await putKeptLogin(store, kept({ provider: 'other', signInId: 'two' }))
      await putKeptLogin(store, kept({ principalId: 'bo', signInId: 'three' }))
      await deleteSignIn(store, 'one')
      assert.equal(await find(store), undefined)
      assert.ok(await find(store, { provider: 'other' }))
      await deleteSignInsOf(store, 'ana')
      assert.equal(await find(store, { provider: 'other' }), undefined)
      assert.ok(await find(store, { principalId: 'bo' }))
    },
  ],
  [
    'a sign-in that has expired is found by the end of its session while what it brought serves on',
    async (store) => {
      const signIn = { id: 'one', principalId: 'ana', provider: 'corp', createdAt: 1, expiresAt: 10, session: 's-1' }
      await insertSignIn(store, signIn)
      await insertSignIn(store, { ...signIn, id: 'two', session: 's-2' })
      await putKeptLogin(store, kept())
      await deleteExpiredSignIns(store, 50)
      assert.deepEqual(await deleteSignInsOfSession(store, { provider: 'corp', session: 's-2' }), [], 'forgotten')
      assert.deepEqual(await deleteSignInsOfSession(store, { provider: 'corp', session: 's-1' }), ['ana'])
      assert.equal(await find(store), undefined)
    },
  ],
  [
    'ending all sign-ins but one leaves what that one brought',
    async (store) => {
      await putKeptLogin(store, kept())
      await putKeptLogin(store, kept({ provider: 'other', signInId: 'two' }))
      await deleteOtherSignIns(store, 'ana', 'one')
      assert.ok(await find(store))
      assert.equal(await find(store, { provider: 'other' }), undefined)
    },
  ],
]
