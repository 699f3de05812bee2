import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { CompiledQuery } from 'kysely'
import { systemClock } from '../../src/base/clock.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { open } from '../../src/store/engine/handle.ts'
import { openFeed } from '../../src/store/feed.ts'
import { openStore } from '../../src/store/store.ts'
import { makeSigner, sampleIntent } from '../sample-ledger.ts'

// A process that makes calls until it is killed, or so many of them. Its journal is the oracle: what was acknowledged, in
// order; an upstream would have received the intents. With `careless` the database does not wait for the disk.
const [dataFolder, journalPath, count = 'Infinity', careless] = process.argv.slice(2) as [
  string,
  string,
  string?,
  string?,
]
const store = await openStore({ dataFolder })
if (careless === 'careless') await open(store).executeQuery(CompiledQuery.raw('pragma synchronous = off'))
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

function acknowledge(line: string): void {
  writeSync(journal, `${line}\n`)
  fsyncSync(journal)
}

let left = Number(count)

async function call(): Promise<void> {
  while (left-- > 0) {
    const receipt = await ledger.recordIntent(sampleIntent())
    acknowledge(`intent ${receipt.callId}`)
    await ledger.recordOutcome(receipt, { status: 'success' })
    acknowledge(`outcome ${receipt.callId}`)
  }
}

await Promise.all(Array.from({ length: 8 }, call))
// Without a good order: what was acknowledged must stand without it.
process.exit(0)
