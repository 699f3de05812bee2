import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { openStore } from '../../store/store.ts'
import { openThrottle, type Throttle } from './throttle.ts'

const tooMany = { code: 'identity.too_many' }

async function open(t: TestContext): Promise<Throttle> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-throttle-'))
  t.after(() => rmSync(dataFolder, { recursive: true, force: true }))
  const store = await openStore({ dataFolder })
  t.after(() => store.close())
  return openThrottle({ store, clock: systemClock })
}

async function fail(times: number, admit: (at: number) => Promise<void>): Promise<void> {
  for (let at = 0; at < times; at += 1) await admit(at)
}

test('five failures for one login from one address close that pair only', async (t) => {
  const throttle = await open(t)
  await fail(5, () => throttle.admit('ana', '10.0.0.1'))
  await assert.rejects(throttle.admit('ana', '10.0.0.1'), tooMany)
  await throttle.admit('bo', '10.0.0.1')
  await throttle.admit('ana', '10.0.0.2')
})

test('a success opens the pair again', async (t) => {
  const throttle = await open(t)
  await fail(4, () => throttle.admit('ana', '10.0.0.1'))
  await throttle.succeeded('ana', '10.0.0.1')
  await fail(5, () => throttle.admit('ana', '10.0.0.1'))
  await assert.rejects(throttle.admit('ana', '10.0.0.1'), tooMany)
})

test('one address that tries many logins is closed after twenty', async (t) => {
  const throttle = await open(t)
  await fail(20, (at) => throttle.admit(`login-${at}`, '10.0.0.1'))
  await assert.rejects(throttle.admit('another', '10.0.0.1'), tooMany)
})

test('who changes his address within his own network is one all the same', async (t) => {
  const throttle = await open(t)
  await fail(20, (at) => throttle.admit(`login-${at}`, `2001:db8::${at + 1}:${at}`))
  await assert.rejects(throttle.admit('another', '2001:db8:0:0:ffff::1'), tooMany)
  await throttle.admit('another', '2001:db8:0:1::1')
})

test('one login that is tried from everywhere is closed after fifty', async (t) => {
  const throttle = await open(t)
  await fail(50, (at) => throttle.admit('ana', `10.0.0.${at}`))
  await assert.rejects(throttle.admit('ana', '10.0.1.1'), tooMany)
})

test('an address cannot begin logins without end', async (t) => {
  const throttle = await open(t)
  await fail(60, () => throttle.admitBeginning('10.0.0.1'))
  await assert.rejects(throttle.admitBeginning('10.0.0.1'), tooMany)
  await throttle.admitBeginning('10.0.0.2')
})

test('names that look like parts of the key are kept apart', async (t) => {
  const throttle = await open(t)
  await fail(5, () => throttle.admit('a","b', 'c'))
  await throttle.admit('a', 'b","c')
})
