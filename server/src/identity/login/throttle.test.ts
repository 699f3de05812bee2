import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openThrottle } from './throttle.ts'

const tooMany = { code: 'identity.too_many' }

async function fail(times: number, admit: (at: number) => Promise<void>): Promise<void> {
  for (let at = 0; at < times; at += 1) await admit(at)
}

test('five failures for one login from one address close that pair only', async () => {
  const throttle = openThrottle()
  await fail(5, () => throttle.admit('ana', '10.0.0.1'))
  await assert.rejects(throttle.admit('ana', '10.0.0.1'), tooMany)
  await throttle.admit('bo', '10.0.0.1')
  await throttle.admit('ana', '10.0.0.2')
})

test('a success opens the pair again', async () => {
  const throttle = openThrottle()
  await fail(4, () => throttle.admit('ana', '10.0.0.1'))
  await throttle.succeeded('ana', '10.0.0.1')
  await fail(5, () => throttle.admit('ana', '10.0.0.1'))
  await assert.rejects(throttle.admit('ana', '10.0.0.1'), tooMany)
})

test('one address that tries many logins is closed after twenty', async () => {
  const throttle = openThrottle()
  await fail(20, (at) => throttle.admit(`login-${at}`, '10.0.0.1'))
  await assert.rejects(throttle.admit('another', '10.0.0.1'), tooMany)
})

test('one login that is tried from everywhere is closed after fifty', async () => {
  const throttle = openThrottle()
  await fail(50, (at) => throttle.admit('ana', `10.0.0.${at}`))
  await assert.rejects(throttle.admit('ana', '10.0.1.1'), tooMany)
})

test('an address cannot begin logins without end', async () => {
  const throttle = openThrottle()
  await fail(60, () => throttle.admitBeginning('10.0.0.1'))
  await assert.rejects(throttle.admitBeginning('10.0.0.1'), tooMany)
  await throttle.admitBeginning('10.0.0.2')
})

test('names that look like parts of the key are kept apart', async () => {
  const throttle = openThrottle()
  await fail(5, () => throttle.admit('a","b', 'c'))
  await throttle.admit('a', 'b","c')
})
