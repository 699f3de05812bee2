import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { isSpent, spend } from '../../src/store/spent.ts'
import { openStore } from '../../src/store/store.ts'

// A machine that was suspended, or a process that was stopped, comes back with all its timers run out.

/** Longer than one statement is waited for. */
const stoppedMs = 5_500

test('a process that was stopped while a transaction began loses nothing that it acknowledges afterwards', async (t) => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-stopped-'))
  t.after(() => rmSync(dataFolder, { recursive: true, force: true }))
  const store = await openStore({ dataFolder })
  // Timers come first after this, and the thread's answers later.
  await setImmediate()
  const begun = store.transaction(async () => undefined)
  // As far as where `begin` has been asked; then everything stands still for as long as nobody waits any more.
  for (let step = 0; step < 100; step++) await Promise.resolve()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stoppedMs)
  await assert.rejects(begun, { code: 'store.unavailable' })

  const once = { purpose: 'test', id: 'one', until: 2, now: 1 }
  assert.equal(await spend(store, once), true)
  await store.transaction(async () => undefined)
  await store.close()
  const reopened = await openStore({ dataFolder })
  t.after(() => reopened.close())
  assert.equal(await isSpent(reopened, 'test', 'one'), true)
})
