import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { EventReader } from '../event-reader.ts'
import { inTime } from '../patience.ts'

// What an upstream says outside of a call before anybody hears it is said to nobody: a client whose stream has begun is
// heard there already, as it would be if it listened directly.

for (const [what, status] of [
  ['a stream', 200],
  ['no stream', 405],
] as const) {
  test(`the stream of a client begins once its upstream has answered with ${what}`, async (t) => {
    const { house, fake } = await openFakeHouse(t, { fake: { sessions: true } })
    const { agent } = await connectAll(house)
    const clientInfo = { name: 'a script', version: '1' }
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
    const session = (await agent.rpc('initialize', params)).headers.get('mcp-session-id')!
    const order: string[] = []
    fake.options.intercept = ({ method }, response) => {
      if (method !== 'GET') return false
      setTimeout(() => {
        order.push('upstream')
        response.writeHead(status, { 'content-type': 'text/event-stream' }).flushHeaders()
        if (status !== 200) response.end()
      }, 100)
      return true
    }
    const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }
    // Were it not told of that, the stream would wait out its second; on a machine that is busy one of five does not.
    const waitedMs: number[] = []
    while (waitedMs.length < 5 && !waitedMs.some((ms) => ms < 500)) {
      order.length = 0
      const asked = performance.now()
      const stream = await inTime(EventReader.open(agent, { headers }), 'the stream has begun')
      waitedMs.push(performance.now() - asked)
      order.push('client')
      assert.equal(stream.status, 200)
      // The gateway listens there on its own account, too.
      assert.equal(order[0], 'upstream')
      stream.close()
      await stream.ended
    }
    assert.ok(Math.min(...waitedMs) < 500, `after ${waitedMs.join(', ')} ms`)
  })
}

test('an upstream that never says whether it can be heard does not keep a client from listening', async (t) => {
  const { house, fake } = await openFakeHouse(t, { fake: { sessions: true } })
  const { agent } = await connectAll(house)
  const clientInfo = { name: 'a script', version: '1' }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
  const session = (await agent.rpc('initialize', params)).headers.get('mcp-session-id')!
  fake.options.intercept = ({ method }) => method === 'GET'
  const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }
  const stream = await inTime(EventReader.open(agent, { headers }), 'the stream has begun')
  assert.equal(stream.status, 200)
  stream.close()
})
