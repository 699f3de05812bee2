import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventReader } from '../event-reader.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { kinds, openKindHouse } from '../kind-house.ts'

// However much an upstream has to say in the middle of a call, its caller is interrupted now and then, and gets the answer.

const flood = 20_000

for (const kind of kinds) {
  test(`a flood of progress is thinned: the newest passes, and then the answer (${kind})`, async (t) => {
    const { house } = await openKindHouse(t, kind)
    const { agent } = await connectAll(house)
    const { agent: other } = await connectAll(house, 'bo')
    const began = performance.now()
    const params = { name: 'progress', arguments: { flood }, _meta: { progressToken: 'p' } }
    const stream = await EventReader.open(agent, {
      body: JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params }),
      headers: { 'mcp-protocol-version': '2025-11-25' },
    })
    assert.equal((await other.call('progress', {})).status, 200, 'nobody else waits for it')
    assert.equal(await stream.ended, 'ended')
    const seconds = Math.ceil((performance.now() - began) / 1_000) + 1
    const { messages } = stream
    assert.ok(messages.length < 60 * seconds, `${messages.length} messages in ${seconds} s`)
    const told = messages.flatMap(({ params: said }) => Number(said?.['progress'] ?? []) || [])
    assert.deepEqual(
      told,
      told.toSorted((a, b) => a - b),
      'in their order',
    )
    assert.ok(told.length > 1, JSON.stringify(messages.at(-1)))
    assert.equal(told.at(-1), 2, 'the last one is not lost')
    assert.deepEqual(messages.at(-1)!.result?.['content'], [{ type: 'text', text: 'done' }])
  })
}

test('a flood on the stream of a session is thinned too', async (t) => {
  const { house, fake } = await openFakeHouse(t, { fake: { sessions: true } })
  const { agent } = await connectAll(house)
  const client = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a script', version: '1' } }
  const session = (await agent.rpc('initialize', client)).headers.get('mcp-session-id')!
  fake.options.intercept = ({ method, headers }, response) => {
    if (method !== 'GET') return false
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    // The gateway listens on its own account as well.
    if (headers['mcp-session-id'] === undefined) return true
    for (let line = 1; line <= flood; line++) {
      const params = { level: 'info', data: line }
      response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params })}\n\n`)
    }
    return true
  }
  const began = performance.now()
  const stream = await EventReader.open(agent, {
    headers: { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' },
  })
  for (let last: unknown; last !== flood;) last = (await stream.next()).params?.['data']
  const seconds = Math.ceil((performance.now() - began) / 1_000) + 1
  assert.ok(stream.messages.length < 60 * seconds, `${stream.messages.length} messages in ${seconds} s`)
  stream.close()
})
