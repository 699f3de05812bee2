import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { openMuxApi } from '../../test/fake/mux-api.ts'
import { openReceipts } from '../../test/receipts.ts'
import { callOf, collect, connectUpstream, resultOf } from '../../test/upstream-client.ts'
import { probeUpstream } from './probe.ts'
import { builtinLaunches } from './builtin.ts'
import type { UpstreamConnection, UpstreamNeeds } from './upstream/upstream-kind.ts'

// The genuine servers, as they are installed. Neither needs the network: the API behind one is a stand-in.
const receipts = await openReceipts()
after(() => receipts.close())
const never = new AbortController().signal

function open(
  t: TestContext,
  name: string,
  more: { env?: Record<string, string>; credential?: UpstreamNeeds['credential'] } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), `sallyport-${name}-`))
  const launch = builtinLaunches[name]!.launchIn(folder)
  const opened = connectUpstream(
    t,
    { ...launch, env: { ...launch.env, ...more.env } },
    more.credential && { credential: more.credential },
  )
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return { ...opened, folder }
}

async function call(connection: UpstreamConnection, name: string, args: Record<string, unknown>) {
  const { answer } = await collect(await connection.send(await receipts.next(), callOf(name, { args }), never))
  return resultOf(answer)
}

test('the memory server keeps its graph in its own folder, and what is deleted is gone', async (t) => {
  const { connection, folder } = open(t, 'memory')
  const { learnt, definitions } = await probeUpstream(connection)
  assert.equal(learnt.era, 'legacy')
  const names = definitions.map((tool) => (tool as { name: string }).name)
  assert.ok(names.includes('create_entities') && names.includes('delete_entities'), names.join(' '))

  const entities = [{ name: 'ana', entityType: 'person', observations: ['likes doors'] }]
  await call(connection, 'create_entities', { entities })
  assert.match(readFileSync(join(folder, 'memory.jsonl'), 'utf8'), /likes doors/)
  await call(connection, 'delete_entities', { entityNames: ['ana'] })
  assert.doesNotMatch(readFileSync(join(folder, 'memory.jsonl'), 'utf8'), /likes doors/)
})

test('the Mux server offers its 98 tools without a credential, and none of them says that it is destructive', async (t) => {
  const { connection } = open(t, 'mux')
  const { learnt, definitions } = await probeUpstream(connection)
  assert.deepEqual([learnt.serverName, learnt.serverVersion], ['mux', '12.8.0'])
  assert.equal(definitions.length, 98)
  const hints = definitions.map((tool) => (tool as { annotations?: Record<string, unknown> }).annotations)
  assert.equal(hints.filter((hint) => hint?.['readOnlyHint'] === true).length, 59)
  assert.equal(hints.filter((hint) => hint?.['destructiveHint'] === true).length, 0)
})

test('the Mux server reaches its API with the brokered credential alone', async (t) => {
  const api = await openMuxApi({ tokenId: 'brokered-id', tokenSecret: 'brokered-secret' })
  t.after(() => api.close())
  const values = { MUX_TOKEN_ID: 'brokered-id', MUX_TOKEN_SECRET: 'brokered-secret' }
  assert.deepEqual(Object.keys(values), [...builtinLaunches['mux']!.credentialNames])
  const { connection, logged } = open(t, 'mux', {
    env: { MUX_BASE_URL: api.url },
    credential: async () => ({ placement: 'env', values }),
  })

  assert.notEqual((await call(connection, 'list_video_assets', {}))['isError'], true)
  const key = await call(connection, 'create_system_signing_keys', {})
  assert.ok(JSON.stringify(key).includes(api.privateKey), 'the caller gets what it asked for')
  await call(connection, 'delete_system_signing_keys', { SIGNING_KEY_ID: 'k1' })

  assert.deepEqual(
    api.journal.map(({ method, path, query }) => [method, path, query]),
    [
      ['GET', '/video/v1/assets', {}],
      ['POST', '/system/v1/signing-keys', {}],
      ['DELETE', '/system/v1/signing-keys/k1', {}],
    ],
  )
  const basic = `Basic ${Buffer.from('brokered-id:brokered-secret').toString('base64')}`
  assert.deepEqual([...new Set(api.journal.map(({ headers }) => headers.authorization))], [basic])
  assert.ok(!logged.join('\n').includes('brokered-secret'))
})
