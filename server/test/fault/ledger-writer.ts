import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { systemClock } from '../../src/base/clock.ts'
import { makeId } from '../../src/base/ids.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { redactArguments } from '../../src/ledger/redact.ts'
import { openFeed } from '../../src/store/feed.ts'
import { openStore } from '../../src/store/store.ts'
import { makeSigner } from '../sample-ledger.ts'

// A process that makes calls until it is killed. Its journal is the oracle: what an upstream would have received.
const [dataFolder, journalPath] = process.argv.slice(2) as [string, string]
const store = await openStore({ dataFolder })
const ledger = await openLedger({
  store,
  feed: await openFeed(store, systemClock),
  clock: systemClock,
  origin: 'gateway.example/ledger',
  signer: makeSigner('house'),
  log: { warn: () => undefined, error: () => undefined },
  times: { checkpointMs: 20 },
})
const journal = openSync(journalPath, 'a')
process.on('exit', () => closeSync(journal))

async function call(): Promise<never> {
  for (;;) {
    const receipt = await ledger.recordIntent({
      callId: makeId(systemClock),
      principal: { id: 'p1', issuer: 'local', subject: 'ana', name: 'Ana' },
      client: { id: 'c1', name: 'Client' },
      grantId: 'g1',
      upstream: 'memory',
      tool: 'read_graph',
      toolDigest: 'ab'.repeat(32),
      effect: 'read',
      argumentsDigest: 'cd'.repeat(32),
      arguments: redactArguments({}),
      revision: 1,
      entitlementId: 'e1',
    })
    writeSync(journal, `${receipt.callId}\n`)
    fsyncSync(journal)
    await ledger.recordOutcome(receipt, { status: 'success' })
  }
}

await Promise.all(Array.from({ length: 8 }, call))
