import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inTime, until } from './patience.ts'

const never = new Promise<never>(() => undefined)
const inVain = { message: 'waited 0.02 s in vain until it rains' }

test('what does not come to pass fails the test with what was waited for', async () => {
  await assert.rejects(
    until(() => false, 'it rains', 20),
    inVain,
  )
  await assert.rejects(
    until(() => never, 'it rains', 20),
    inVain,
  )
  await assert.rejects(inTime(never, 'it rains', 20), inVain)
})

test('what comes to pass is waited for and not longer, and what fails fails as it did', async () => {
  let asked = 0
  await until(() => ++asked === 3, 'it was asked three times')
  assert.equal(asked, 3)
  assert.equal(await inTime(Promise.resolve('rain'), 'it rains'), 'rain')
  const broken = new Error('broken')
  await assert.rejects(inTime(Promise.reject(broken), 'it rains'), broken)
  await assert.rejects(
    until(() => Promise.reject(broken), 'it rains'),
    broken,
  )
})
