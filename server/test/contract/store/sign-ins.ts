import assert from 'node:assert/strict'
import {
  deleteExpiredSignIns,
  deleteSignIn,
  deleteSignInsOf,
  deleteSignInsOfSession,
  findPrincipalIdsOfSession,
  findSignIn,
  insertSignIn,
} from '../../../src/store/sign-ins.ts'
import { findKeptLogin, putKeptLogin } from '../../../src/store/kept-logins.ts'
import { insertPrincipal } from '../../../src/store/principals.ts'
import type { Store } from '../../../src/store/store.ts'

const signIn = (id: string, principalId = 'ana') => ({
  id,
  principalId,
  provider: 'local',
  createdAt: 1,
  expiresAt: 100,
})

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a sign-in is found until it expires',
    async (store) => {
      await insertSignIn(store, signIn('one'))
      assert.deepEqual(await findSignIn(store, 'one', 99), signIn('one'))
      assert.equal(await findSignIn(store, 'one', 100), undefined)
      assert.equal(await findSignIn(store, 'two', 1), undefined)
      await deleteExpiredSignIns(store, 99)
      assert.ok(await findSignIn(store, 'one', 1))
      await deleteExpiredSignIns(store, 100)
      assert.equal(await findSignIn(store, 'one', 1), undefined)
    },
  ],
  [
    'ending one sign-in leaves the others, ending a principal’s leaves other principals’',
    async (store) => {
      for (const id of ['one', 'two', 'three']) await insertSignIn(store, signIn(id))
      await insertSignIn(store, signIn('bo’s', 'bo'))
      await deleteSignIn(store, 'one')
      assert.equal(await findSignIn(store, 'one', 1), undefined)
      assert.ok(await findSignIn(store, 'two', 1))
      await deleteSignInsOf(store, 'ana')
      assert.equal(await findSignIn(store, 'two', 1), undefined)
      assert.equal(await findSignIn(store, 'three', 1), undefined)
      assert.ok(await findSignIn(store, 'bo’s', 1))
    },
  ],
  [
    'ending a session at a provider ends the sign-ins that came out of it, with what they brought, and no others',
    async (store) => {
      const there = { provider: 'okta', session: 's1' }
      await insertSignIn(store, { ...signIn('one'), ...there })
      await insertSignIn(store, { ...signIn('two'), ...there })
      await insertSignIn(store, { ...signIn('other session'), provider: 'okta', session: 's2' })
      await insertSignIn(store, { ...signIn('other provider'), provider: 'entra', session: 's1' })
      await insertSignIn(store, { ...signIn('no session'), provider: 'okta' })
      const kept = { principalId: 'ana', provider: 'okta', sealed: 'x', keptAt: 1, endsAt: 99 }
      await putKeptLogin(store, { ...kept, signInId: 'one' })
      assert.deepEqual(await deleteSignInsOfSession(store, there), ['ana'])
      assert.deepEqual(await deleteSignInsOfSession(store, there), [])
      assert.equal(await findSignIn(store, 'one', 1), undefined)
      assert.equal(await findSignIn(store, 'two', 1), undefined)
      assert.equal(await findKeptLogin(store, { principalId: 'ana', provider: 'okta', now: 1 }), undefined)
      for (const id of ['other session', 'other provider', 'no session']) assert.ok(await findSignIn(store, id, 1))
    },
  ],
  [
    'whose session it is at the provider of some people is found, at no other',
    async (store) => {
      const issuer = 'https://idp.example'
      const shown = { kind: 'person', name: 'x', email: undefined, state: 'active', createdAt: 1 } as const
      await insertPrincipal(store, { id: 'ana', issuer, subject: '1', ...shown })
      await insertPrincipal(store, { id: 'bo', issuer: 'https://other.example', subject: '1', ...shown })
      await insertSignIn(store, { ...signIn('one'), session: 's1' })
      await insertSignIn(store, { ...signIn('two'), session: 's1' })
      await insertSignIn(store, { ...signIn('three', 'bo'), session: 's1' })
      assert.deepEqual(await findPrincipalIdsOfSession(store, { issuer, session: 's1' }), ['ana'])
      assert.deepEqual(await findPrincipalIdsOfSession(store, { issuer, session: 's2' }), [])
    },
  ],
]
