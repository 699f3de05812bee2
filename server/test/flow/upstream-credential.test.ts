import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openFakeMcpServer } from '../fake/mcp-server.ts'
import { openHouse } from '../house.ts'

test('a credential that was put, replaced or revoked counts from the next call on', async (t) => {
  const fake = await openFakeMcpServer({
    era: 'modern',
    tools: [{ name: 'read_note', inputSchema: { type: 'object' } }],
  })
  t.after(() => fake.close())
  const house = await openHouse(t, { reach: [fake.url] })
  await house.httpUpstream('notes', fake.url)
  const ana = await house.person('ana', ['notes/*'])
  const agent = await ana.connect('notes', 'all')
  const { ledger, vault } = house.rooms
  const by = ana.principal.id
  const about = { kind: 'connection', id: 'notes' } as const
  const put = (token: string) =>
    ledger.recordChange({ by, what: 'connection.put', about }, (tx) =>
      vault.putConnection(tx, {
        upstream: 'notes',
        placement: 'headers',
        values: { 'x-note-key': token },
        createdBy: by,
      }),
    )
  const sent = async () => {
    assert.equal((await agent.call('read_note')).status, 200)
    const call = fake.journal.findLast(({ message }) => message?.method === 'tools/call')
    return call?.headers['x-note-key']
  }

  assert.equal(await sent(), undefined)
  await put('first')
  assert.deepEqual([await sent(), await sent()], ['first', 'first'])
  const { id } = await put('second')
  assert.deepEqual([await sent(), await sent()], ['second', 'second'])
  await ledger.recordChange({ by, what: 'connection.revoked', about }, (tx) => vault.revokeConnection(tx, id))
  assert.equal(await sent(), undefined)
})
