import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openFakeMcpServer } from '../fake/mcp-server.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import { openHouse } from '../house.ts'
import { definition, learnt, openInventoryRoom } from '../inventory-room.ts'

const reason = 'for a test'

/** Lets so many turns of the microtask queue pass, so that two things meet at every point of each other. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}

test('a look at an upstream undoes nothing that somebody decides meanwhile, wherever the two meet', async (t) => {
  const { inventory } = await openInventoryRoom(t)
  const launch = { kind: 'http', url: 'https://mcp.example/mcp' } as const
  await inventory.proposeUpstream({ by: 'ana', ownerId: 'ana', name: 'mux', launch, purpose: 'to be tested', reason })
  const list = (order: number) => {
    const all = [definition('get_asset'), definition('list_assets')]
    return { learnt, definitions: order % 2 === 0 ? all : all.toReversed() }
  }
  await inventory.observe('mux', list(0))
  const tool = { by: 'ana', upstream: 'mux', tool: 'get_asset', reason }
  for (let round = 1; round <= 60; round++) {
    const { liveDigest } = (await inventory.findToolDetail('mux', 'get_asset'))!.tool
    await inventory.pinTools({ by: 'ana', upstream: 'mux', digests: { get_asset: liveDigest! }, reason })
    await inventory.setEffect({ ...tool, effect: 'read', traits: [] })
    // The list comes in another order each time, so that each look writes the tools.
    const look = inventory.observe('mux', list(round))
    await turns(round)
    await Promise.all([
      look,
      inventory.setEffect({ ...tool, effect: 'destructive', traits: ['money'] }),
      inventory.withdrawTool(tool),
      inventory.allowArgument({ ...tool, argument: `argument_${round}` }),
    ])
    const { tool: left } = (await inventory.findToolDetail('mux', 'get_asset'))!
    assert.deepEqual(
      [left.pin, left.effect, left.traits],
      ['withdrawn', 'destructive', ['money']],
      `after ${round} turns`,
    )
    assert.equal(left.allowedArguments.length, round)
  }
})

test('a call that meets the end of its right is either not sent, or was recorded before the end', async (t) => {
  const upstream = await openFakeMcpServer({ tools: [toolNamed('read_note')] })
  t.after(() => upstream.close())
  const house = await openHouse(t, { reach: [upstream.url] })
  await house.httpUpstream('notes', upstream.url)
  const ana = await house.person('ana', ['notes/*'])
  const { oauth, ledger } = house.rooms
  for (let round = 0; round < 12; round++) {
    const agent = await ana.connect('notes', 'all')
    assert.equal((await agent.call('read_note', {})).status, 200)
    const before = upstream.calls.length
    const from = (await ledger.size()) - 1
    const calls = Array.from({ length: 6 }, () => agent.call('read_note', {}))
    for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve))
    await oauth.revokeGrant({ by: 'set-up', id: agent.grantId, reason })
    assert.equal((await agent.call('read_note', {})).status, 401, 'what begins after the end')
    const answers = await Promise.all(calls)
    for (const { status } of answers) assert.ok([200, 401, 403].includes(status), String(status))
    const passed = answers.filter(({ status }) => status === 200).length
    assert.ok(upstream.calls.length - before >= passed)

    const entries = await ledger.listEntries({ after: from, limit: 1_000 })
    const end = entries.find(({ entry }) => entry.kind === 'change' && entry.what === 'grant.revoked')!.seq
    const intents = entries.filter(({ entry }) => entry.kind === 'intent')
    const sent = intents.filter(
      (intent) =>
        !entries.some(
          ({ entry }) => entry.kind === 'outcome' && entry.intent === intent.seq && /not sent/.test(entry.reason ?? ''),
        ),
    )
    assert.ok(upstream.calls.length - before <= sent.length, 'no call without its intent')
    assert.deepEqual(
      sent.filter(({ seq }) => seq > end),
      [],
      `round ${round}: sent with an intent that comes after the end`,
    )
  }
})
