import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { openHouseClock } from './house-clock.ts'
import type { Store } from './store.ts'

/** A machine and a database whose hands move by ours alone, and which need some time for question and answer. */
async function open(t: TestContext, kind: Store['kind'] = 'postgres') {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const state = { wall: 5_000_000, monotonic: 100, database: 9_000_000, wayMs: 10, warnings: 0 }
  const travel = (ms: number): void => {
    state.monotonic += ms
    state.database += ms
  }
  const readTime = async () => {
    travel(state.wayMs)
    const time = state.database
    travel(state.wayMs)
    return time
  }
  const machine = { now: () => state.wall, monotonic: () => state.monotonic, alarm: () => () => undefined }
  const log = { warn: () => void state.warnings++ }
  const { clock, close } = await openHouseClock({ store: { kind } as Store, machine, log, readTime })
  t.after(close)
  const beat = async (): Promise<void> => {
    t.mock.timers.tick(1_000)
    await setImmediate()
  }
  return { state, clock, beat, wrongBy: () => clock.now() - state.database }
}

test('the time is the database’s, and the wall clock of the machine moves nothing', async (t) => {
  const { state, clock, beat, wrongBy } = await open(t)
  assert.equal(wrongBy(), 0)
  for (const wall of [0, 9_000_000, 2 ** 42]) {
    state.wall = wall
    await beat()
    assert.equal(wrongBy(), 0)
  }
  state.monotonic += 500
  assert.equal(clock.now(), state.database + 500, 'in between the monotonic hand carries on')
})

test('a slow answer makes the time no worse, and one that contradicts moves it', async (t) => {
  const { state, beat, wrongBy } = await open(t)
  state.wayMs = 900
  await beat()
  assert.equal(wrongBy(), 0)
  state.wayMs = 10
  for (const step of [60_000, -60_000]) {
    state.database += step
    await beat()
    assert.ok(Math.abs(wrongBy()) <= 10, String(wrongBy()))
  }
})

test('a machine whose clock is wrong is told so when it begins to be', async (t) => {
  const { state, beat } = await open(t)
  assert.equal(state.warnings, 1)
  await beat()
  assert.equal(state.warnings, 1)
  state.wall = state.database
  await beat()
  state.wall += 600_000
  await beat()
  assert.equal(state.warnings, 2)
})

test('on SQLite the machine’s clock is the time', async (t) => {
  const { state, clock } = await open(t, 'sqlite')
  assert.equal(clock.now(), state.wall)
})
