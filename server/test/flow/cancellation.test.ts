import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textOf, type Agent } from '../agent.ts'
import { EventReader } from '../event-reader.ts'
import { until } from '../patience.ts'
import type { Message } from '../fake/mcp-server.ts'
import { connectAll } from '../fake-house.ts'
import { kinds, openKindHouse, type Kind, type KindHouse } from '../kind-house.ts'

// Who wants no answer any more says so, in the way of the era, and exactly the other side of that one request hears it.

const declared = { elicitation: { form: {} }, roots: {} }
const version = 'io.modelcontextprotocol/protocolVersion'

interface Call {
  body: string
  headers: Record<string, string>
}

const ways: Record<string, { call: Call; cancel(agent: Agent, leave: AbortController): void }> = {
  'a legacy client by its notification': {
    call: callOf('hang', { 'mcp-protocol-version': '2025-11-25' }),
    cancel: (agent) => void agent.post(notice('notifications/cancelled', { requestId: 7 })),
  },
  'a modern client by closing the stream': {
    call: callOf(
      'hang',
      { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'hang' },
      { [version]: '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} },
    ),
    cancel: (_agent, leave) => leave.abort(),
  },
}

function callOf(name: string, headers: Record<string, string>, meta?: object): Call {
  const params = { name, arguments: {}, ...(meta && { _meta: meta }) }
  return { body: JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params }), headers }
}

function notice(method: string, params: object): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params })
}

const isCall = ({ method, params }: Message): boolean => method === 'tools/call' && params?.['name'] === 'hang'
const isCancelled = ({ method }: Message): boolean => method === 'notifications/cancelled'

/** The ids of the calls whose end the upstream was told of. */
function told({ heard }: KindHouse): unknown[] {
  return heard().flatMap((message) => (isCancelled(message) ? [message.params?.['requestId']] : []))
}

async function outcomes({ house }: KindHouse): Promise<string[]> {
  return (await house.entries('outcome')).map(({ status }) => status)
}

for (const kind of kinds) {
  for (const [way, { call, cancel }] of Object.entries(ways)) {
    test(`${way} cancels its call at the upstream, and no other (${kind})`, async (t) => {
      const here = await openKindHouse(t, kind)
      const { agent } = await connectAll(here.house)
      const { agent: other } = await connectAll(here.house, 'bo')
      const leave = new AbortController()
      const lastly = new AbortController()
      let over = false
      const goesOn = other.post(call.body, { ...call, signal: lastly.signal }).catch(() => undefined)
      void goesOn.then(() => (over = true))
      await until(() => here.heard().filter(isCall).length === 1, 'the call that goes on reaches the upstream')
      const ends = agent.post(call.body, { ...call, signal: leave.signal }).catch(() => undefined)
      await until(() => here.heard().filter(isCall).length === 2, 'the call that ends reaches the upstream')
      const heard = here.heard().filter(isCall)[1]!
      cancel(agent, leave)
      await ends
      if (kind === 'http, modern') {
        await until(() => here.abandoned('hang') === 1, 'the connection of the call is closed')
      } else {
        await until(() => told(here).length === 1, 'the upstream is told')
        assert.deepEqual(told(here), [heard.id], 'by the id under which it heard the call')
      }
      await until(async () => (await outcomes(here)).length === 1, 'the outcome is recorded')
      assert.deepEqual(await outcomes(here), ['unknown'])
      assert.ok(!over, 'the call of the other goes on')
      lastly.abort()
      await goesOn
    })
  }
}

async function begin(agent: Agent): Promise<Record<string, string>> {
  const params = { protocolVersion: '2025-11-25', capabilities: declared, clientInfo: { name: 's', version: '1' } }
  const { headers } = await agent.rpc('initialize', params)
  return { 'mcp-session-id': headers.get('mcp-session-id')!, 'mcp-protocol-version': '2025-11-25' }
}

const asking: readonly Kind[] = ['http, legacy', 'sse', 'stdio, per principal']

for (const kind of asking) {
  test(`an upstream that withdraws its question is heard by exactly the client that was asked (${kind})`, async (t) => {
    const { house, heard } = await openKindHouse(t, kind)
    const { agent } = await connectAll(house)
    const { agent: other } = await connectAll(house, 'bo')
    const still = await EventReader.open(other, callOf('ask_form', await begin(other)))
    await still.next()
    const within = await begin(agent)
    const call = await EventReader.open(agent, callOf('ask_twice', within))
    const first = await call.next()
    assert.equal(first.method, 'elicitation/create')
    const { method, params } = await call.next()
    assert.equal(method, 'notifications/cancelled')
    assert.equal(params?.['requestId'], first.id, 'by the id under which the client was asked')
    const second = await call.next()
    assert.equal(second.method, 'roots/list')
    const say = (id: unknown, result: object) =>
      agent.post(JSON.stringify({ jsonrpc: '2.0', id, result }), { headers: within })
    await say(first.id, { action: 'accept', content: {} })
    await say(second.id, { roots: [] })
    assert.deepEqual((await call.next()).result?.['content'], [{ type: 'text', text: '{"roots":[]}' }])
    const answers = heard().filter((message) => message.method === undefined)
    assert.equal(answers.length, 1, 'what was withdrawn is not answered')
    assert.equal(still.messages.length, 1, 'the other hears nothing')
    still.close()
  })

  test(`a modern client that comes back with the answer to a withdrawn question is asked the next (${kind})`, async (t) => {
    const { house } = await openKindHouse(t, kind)
    const { agent } = await connectAll(house)
    const call = { name: 'ask_twice', arguments: {} }
    let answer = await agent.modern('tools/call', call, declared)
    while (answer.result['resultType'] === 'input_required') {
      const { inputRequests, requestState } = answer.result as {
        inputRequests: Record<string, { method: string }>
        requestState: string
      }
      const replies = { 'elicitation/create': { action: 'cancel' }, 'roots/list': { roots: [] } }
      const inputResponses = Object.fromEntries(
        Object.entries(inputRequests).map(([key, asked]) => [key, replies[asked.method as keyof typeof replies]]),
      )
      answer = await agent.modern('tools/call', { ...call, requestState, inputResponses }, declared)
    }
    assert.equal(textOf(answer), '{"roots":[]}')
  })
}
