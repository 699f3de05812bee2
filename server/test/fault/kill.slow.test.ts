import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { linkOf, type Agent } from '../agent.ts'
import { until } from '../patience.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { findContradictions, storiesAbout, storiesOf } from './oracle.ts'
import { type Rig, setUpRig } from './rig.ts'

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

/** Runs a test on both stores. */
function onBoth(name: string, run: (t: TestContext, databaseUrl: string | undefined) => Promise<void>): void {
  test(`${name}, on SQLite`, (t) => run(t, undefined))
  test(`${name}, on PostgreSQL`, async (t) => run(t, await postgres.createDatabase()))
}

/** Starts the gateway again, and stops it when every intent has its outcome. */
async function recover(rig: Rig, databaseUrl: string | undefined): Promise<void> {
  const gateway = rig.start()
  await gateway.ready
  if (databaseUrl !== undefined) {
    await until(
      async () => storiesOf(await rig.ledger()).every(({ outcomes }) => outcomes.length > 0),
      'every call has its outcome',
    )
  }
  await gateway.stop()
}

onBoth(
  'a call whose gateway is killed between forward and outcome is unknown after the restart',
  async (t, databaseUrl) => {
    const rig = await setUpRig(t, { ...(databaseUrl && { databaseUrl }) })
    const gateway = rig.start()
    await gateway.ready
    const call = rig.agents[0]!.call('wait_note', { note: 'under way' }).catch(() => 'broken off')
    await until(() => rig.outside.journal().length === 1, 'the call is at the upstream')
    await gateway.kill()
    assert.equal(await call, 'broken off')

    await recover(rig, databaseUrl)
    const entries = await rig.ledger()
    const [story, ...more] = storiesAbout(entries, 'under way')
    assert.deepEqual(more, [])
    assert.deepEqual(
      story?.outcomes.map(({ status }) => status),
      ['unknown'],
    )
    assert.deepEqual(rig.outside.journal(), [{ tool: 'wait_note', note: 'under way' }])
    assert.deepEqual(findContradictions({ journal: rig.outside.journal(), entries, settled: true }), [])
  },
)

// Every connection to the upstream is taken, so one call more has its intent and waits for a connection: there it dies.
onBoth(
  'a call whose gateway is killed between intent and forward is unknown, and never happened',
  async (t, databaseUrl) => {
    const rig = await setUpRig(t, { people: 5, ...(databaseUrl && { databaseUrl }) })
    const gateway = rig.start()
    await gateway.ready
    const [last, ...others] = rig.agents as [Agent, ...Agent[]]
    const calls = others.flatMap((agent, person) =>
      Array.from({ length: 64 }, (_, i) => agent.call('wait_note', { note: `taken ${person} ${i}` })),
    )
    const taken = Promise.allSettled(calls)
    await until(() => rig.outside.journal().length === calls.length, 'every connection is taken')
    const answers = Promise.allSettled([...calls, last.call('put_note', { note: 'never sent' })])
    // On SQLite nobody can look into the ledger now. That the intent is there is asserted after the kill.
    await sleep(1_000)
    await gateway.kill()
    await taken
    assert.ok((await answers).every(({ status }) => status === 'rejected'))

    await recover(rig, databaseUrl)
    const entries = await rig.ledger()
    const stories = storiesAbout(entries, 'never sent')
    assert.deepEqual(
      stories.map(({ outcomes }) => outcomes.map(({ status }) => status)),
      [['unknown']],
    )
    assert.ok(rig.outside.journal().every(({ note }) => note !== 'never sent'))
    assert.deepEqual(findContradictions({ journal: rig.outside.journal(), entries, settled: true }), [])
  },
)

onBoth(
  'a destructive call whose gateway dies is not repeated: who makes it again reads outcome unknown, with a link',
  async (t, databaseUrl) => {
    const note = 'all of it'
    const rig = await setUpRig(t, {
      ...(databaseUrl && { databaseUrl }),
      prepare: async (house, [agent]) => {
        const bo = await house.person('bo', ['notes/wipe_slowly:approve'])
        const id = new URL(linkOf(await agent!.call('wipe_slowly', { note }))).pathname.split('/').at(-1)!
        await house.rooms.approvals.answer({ by: bo.principal.id, id, approve: true, reason: 'looked at it' })
      },
    })
    const [agent] = rig.agents as [Agent]
    const gateway = rig.start()
    await gateway.ready
    const call = agent.call('wipe_slowly', { note }).catch(() => 'broken off')
    await until(() => rig.outside.journal().length === 1, 'the call is at the upstream')
    await gateway.kill()
    assert.equal(await call, 'broken off')

    const next = rig.start()
    await next.ready
    type Earlier = { outcome: string; url: string; call: string } | undefined
    const earlier = async (): Promise<Earlier> => {
      const answer = await agent.call('wipe_slowly', { note })
      assert.equal(answer.result['isError'], true, JSON.stringify(answer.message))
      const meta = answer.result['_meta'] as Record<string, { earlier?: Earlier }>
      return meta['sallyport/approval']?.earlier
    }
    // On PostgreSQL the dead one may be alive for all that the new one knows, for some seconds.
    await until(async () => (await earlier())?.outcome === 'unknown', 'the outcome is unknown')
    const { call: callId, url } = (await earlier())!
    assert.equal(url, `${rig.origin}/calls/${callId}`)
    await next.stop()
    assert.deepEqual(rig.outside.journal(), [{ tool: 'wipe_slowly', note }])
    const [story, ...more] = storiesAbout(await rig.ledger(), note)
    assert.deepEqual(more, [])
    assert.deepEqual([story?.intent.callId, story?.outcomes[0]?.status], [callId, 'unknown'])
  },
)

test('the oracle sees a call that went past the gateway', async (t) => {
  const rig = await setUpRig(t)
  const gateway = rig.start()
  await gateway.ready
  await rig.agents[0]!.call('put_note', { note: 'by the door' })
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const params = { name: 'put_note', arguments: { note: 'by the window' }, _meta: meta }
  const answer = await fetch(rig.outside.url, {
    method: 'POST',
    headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'put_note' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  })
  assert.equal(answer.status, 200)
  await gateway.stop()
  const entries = await rig.ledger()
  assert.deepEqual(findContradictions({ journal: rig.outside.journal(), entries, settled: true }), [
    'put_note by the window arrived 1 times, and 0 intents were to be sent',
  ])
})
