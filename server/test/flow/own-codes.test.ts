import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countRecoveryCodes } from '../../src/store/recovery-codes.ts'
import { administratorOf, whoIs } from '../administrator.ts'
import { openNamedHouse } from '../house.ts'
import { addAndEnter } from '../passkey-steps.ts'

test('recovery codes are made three times in a quarter of an hour, many at once or one by one, and ten of them are left', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { shown: ways } = await addAndEnter(house, ana)
  const make = async () => (await ana.submit(ways, {}, { to: '/sign-in/ways/codes' })).status
  const statuses = await Promise.all(Array.from({ length: 8 }, make))
  assert.deepEqual(
    statuses.toSorted((a, b) => a - b),
    [200, 200, 200, 429, 429, 429, 429, 429],
  )
  assert.equal((await house.changes('recovery_code.made')).length, 3)
  const { principal } = (await whoIs(house, ana))!
  assert.equal(await countRecoveryCodes(house.rooms.store, principal.id), 10)
  const late = await ana.submit(ways, {}, { to: '/sign-in/ways/codes' })
  assert.match(late.text, /Cannot make codes now: too many tries/)
  house.clock.pass(20 * 60_000)
  assert.equal(await make(), 403, 'only ten minutes after the sign-in')
})
