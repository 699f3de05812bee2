import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/base/clock.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { verifyLedger } from '../../src/ledger/verify.ts'
import { openFeed } from '../../src/store/feed.ts'
import { openStore } from '../../src/store/store.ts'
import { makeSigner } from '../sample-ledger.ts'
import { inTime, until } from '../patience.ts'

const writer = fileURLToPath(new URL('./ledger-writer.ts', import.meta.url))

/** Runs the writer until its journal has grown, and kills it without warning a random moment later. */
async function runAndKill(dataFolder: string, journal: string): Promise<void> {
  const before = existsSync(journal) ? readFileSync(journal).length : 0
  const child = spawn(process.execPath, [writer, dataFolder, journal], { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(child, 'exit')
  await until(() => {
    assert.equal(child.exitCode, null, 'the writer ended by itself')
    return existsSync(journal) && readFileSync(journal).length >= before + 2_000
  }, 'the journal has grown')
  await sleep(Math.random() * 30)
  child.kill('SIGKILL')
  await inTime(ended, 'the writer has ended')
}

test('after every kill -9, what was sent has its intent, every intent has one outcome, and the ledger verifies', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-crash-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const journal = join(folder, 'journal')
  let known: string | undefined
  for (let round = 0; round < 5; round++) {
    await runAndKill(join(folder, 'data'), journal)
    const store = await openStore({ dataFolder: join(folder, 'data') })
    const feed = await openFeed(store, systemClock)
    const log = { warn: () => undefined, error: () => undefined }
    const origin = 'gateway.example/ledger'
    const ledger = await openLedger({ store, feed, clock: systemClock, origin, signer: makeSigner('house'), log })
    const intents = new Set<string>()
    const size = await ledger.size()
    for (let after = -1; after < size - 1; after += 1_000) {
      for (const { entry } of await ledger.listEntries({ after, limit: 1_000, kinds: ['intent', 'outcome'] })) {
        if (entry.kind === 'intent') intents.add(entry.callId)
      }
    }
    const acknowledged = readFileSync(journal, 'utf8').split('\n').slice(0, -1)
    const sent = acknowledged.flatMap((line) => (line.startsWith('intent ') ? [line.slice('intent '.length)] : []))
    assert.deepEqual(
      sent.filter((callId) => !intents.has(callId)),
      [],
      'sent without an intent',
    )
    const target = join(folder, `export ${round}`)
    await ledger.exportTo(target)
    const pins = { keys: [ledger.key], ...(known === undefined ? {} : { checkpoint: known }) }
    const found = await verifyLedger(target, pins)
    assert.equal(found.problem, undefined)
    assert.equal(found.counts.outcome, found.counts.intent)
    assert.deepEqual(found.remarks, [])
    known = readFileSync(join(target, 'checkpoint'), 'utf8')
    await ledger.close()
    await feed.close()
    await store.close()
  }
})
