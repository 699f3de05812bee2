import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { EventReader } from '../event-reader.ts'
import { until } from '../patience.ts'
import type { Heard } from '../fake/mcp-server.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { textOf, type Agent } from '../agent.ts'

// Answers pass as they come: in order, to the byte, and no further than the client listens.

const version = 'io.modelcontextprotocol/protocolVersion'
const modernMeta = { [version]: '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} }

function streamCall(agent: Agent, era: 'legacy' | 'modern', name: string) {
  const level = { 'io.modelcontextprotocol/logLevel': 'info' }
  const meta = { progressToken: 'p-1', ...(era === 'modern' && { ...modernMeta, ...level }) }
  const params = { name, arguments: {}, _meta: meta }
  const mirrors = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name }
  return EventReader.open(agent, {
    body: JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params }),
    headers: era === 'modern' ? mirrors : { 'mcp-protocol-version': '2025-11-25' },
  })
}

function hanging(journal: Heard[]): Heard | undefined {
  return journal.findLast(
    (heard) => heard.message?.method === 'tools/call' && heard.message.params?.['name'] === 'hang',
  )
}

for (const client of ['legacy', 'modern'] as const) {
  for (const era of ['legacy', 'modern'] as const) {
    test(`progress passes in order from a ${era} upstream to a ${client} client`, async (t) => {
      const { house, story } = await openFakeHouse(t, { fake: { era } })
      const { agent } = await connectAll(house)
      const stream = await streamCall(agent, client, 'progress')
      assert.equal(stream.status, 200)
      assert.match(stream.headers.get('content-type') ?? '', /^text\/event-stream/)
      assert.equal(await stream.ended, 'ended')
      assert.deepEqual(
        stream.messages.map((one) => one.method ?? one.id),
        ['notifications/progress', 'notifications/message', 'notifications/progress', 7],
      )
      assert.deepEqual(
        stream.messages.map((one) => one.params?.['progress']).filter((one) => one !== undefined),
        [1, 2],
      )
      assert.equal(stream.messages[0]!.params?.['progressToken'], 'p-1')
      assert.deepEqual(stream.messages.at(-1)!.result?.['content'], [{ type: 'text', text: 'done' }])
      assert.deepEqual(await story(), ['intent progress', 'outcome success'])
    })
  }

  test(`a ${client} client that goes away cancels the call at the upstream`, async (t) => {
    const { house, fake, story } = await openFakeHouse(t, { fake: { era: client } })
    const { agent } = await connectAll(house)
    const abort = new AbortController()
    const meta = client === 'modern' ? modernMeta : undefined
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'hang', arguments: {}, ...(meta && { _meta: meta }) },
    })
    const headers: Record<string, string> =
      client === 'modern'
        ? { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'hang' }
        : {}
    const call = agent.post(body, { headers, signal: abort.signal })
    await until(() => hanging(fake.journal) !== undefined, 'the call reaches the upstream')
    abort.abort()
    await assert.rejects(call)
    await until(() => hanging(fake.journal)!.abandoned, 'the upstream is left')
    await until(async () => (await story()).length === 2, 'the outcome is recorded')
    assert.deepEqual(await story(), ['intent hang', 'outcome unknown'])
  })
}

test('a legacy client cancels by its notification, only its own call, and a session upstream is told', async (t) => {
  const { house, fake, story } = await openFakeHouse(t, { fake: { sessions: true } })
  const { agent } = await connectAll(house)
  const { agent: other } = await connectAll(house, 'bo')
  const calls = [agent, other].map((one) => streamCall(one, 'legacy', 'hang'))
  const isCall = (heard: Heard) => heard.message?.params?.['name'] === 'hang'
  await until(() => fake.journal.filter(isCall).length === 2, 'both calls reach the upstream')
  const cancel = (params: object) =>
    agent.post(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params }))
  assert.equal((await cancel({ requestId: 8 })).status, 202)
  assert.equal((await cancel({ requestId: '7' })).status, 202)
  assert.equal((await cancel({ requestId: 7 })).status, 202)
  const cancelled = await calls[0]!
  await cancelled.ended
  await until(
    () => fake.journal.some((heard) => heard.message?.method === 'notifications/cancelled'),
    'the upstream is told',
  )
  assert.equal(fake.journal.filter((heard) => heard.message?.method === 'notifications/cancelled').length, 1)
  const abandoned = () => fake.journal.filter((heard) => isCall(heard) && heard.abandoned).length
  await until(() => abandoned() > 0, 'the connection of the cancelled call is closed')
  assert.equal(abandoned(), 1, 'the call of the other goes on')
  await until(async () => (await story()).includes('outcome unknown'), 'the outcome is recorded')
  assert.equal((await story()).filter((line) => line.startsWith('outcome')).length, 1)
})

test('a JSON answer passes to the byte, numbers and spelling kept', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const bytes =
    '{ "id":5 ,"jsonrpc":"2.0","result":{"content":[{"text":"\\u00e9 \\/","type":"text"}],"x":12345678901234567890,"y":1.50,"z":1E400}}'
  fake.options.intercept = (heard, response) => {
    if (heard.message?.method !== 'tools/call') return false
    response.writeHead(200, { 'content-type': 'application/json' }).end(bytes)
    return true
  }
  const answer = await fetch(agent.resource, {
    method: 'POST',
    headers: { authorization: `Bearer ${agent.tokens.access_token}`, 'content-type': 'application/json' },
    body: '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"read_note","arguments":{}}}',
  })
  assert.equal(await answer.text(), bytes)
})

for (const client of ['legacy', 'modern'] as const) {
  for (const era of ['legacy', 'modern'] as const) {
    test(`big numbers survive the way from a ${era} upstream to a ${client} client`, async (t) => {
      const { house } = await openFakeHouse(t, { fake: { era } })
      const { agent } = await connectAll(house)
      const mirrors = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'big_number' }
      const meta = client === 'modern' ? { _meta: modernMeta } : {}
      const answer = await fetch(agent.resource, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${agent.tokens.access_token}`,
          'content-type': 'application/json',
          ...(client === 'modern' && mirrors),
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 'é"1',
          method: 'tools/call',
          params: { name: 'big_number', arguments: {}, ...meta },
        }),
      })
      const text = await answer.text()
      assert.match(text, /"structuredContent":\{"id":12345678901234567890,"half":1\.50\}/)
      assert.equal((JSON.parse(text) as { id: string }).id, 'é"1')
    })
  }
}

test('when an upstream hears a call, its intent is in the ledger, and its outcome is when the client has the answer', async (t) => {
  const { house, fake, story } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const heard: Promise<string[]>[] = []
  fake.options.intercept = ({ message }) => {
    if (message?.method === 'tools/call') heard.push(story())
    return false
  }
  await agent.call('read_note', { id: 'n1' })
  assert.deepEqual(await story(), ['intent read_note', 'outcome success'])
  const stream = await streamCall(agent, 'legacy', 'progress')
  await stream.ended
  assert.deepEqual((await story()).slice(2), ['intent progress', 'outcome success'])
  assert.deepEqual(await Promise.all(heard), [
    ['intent read_note'],
    ['intent read_note', 'outcome success', 'intent progress'],
  ])
})

test('an upstream that drops the call gives a clear error, and the outcome is unknown', async (t) => {
  const { house, story } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const answer = await agent.call('vanish', {})
  assert.equal(answer.status, 502)
  assert.match(answer.error!.message, /lost `desk` during the call: it may have been carried out/)
  assert.equal(answer.error?.data?.['fault'], 'gateway.upstream_lost')
  assert.deepEqual(await story(), ['intent vanish', 'outcome unknown'])
})

test('an upstream that drops a stream half way ends the client’s stream with an error that says outcome unknown, and where to look', async (t) => {
  const { house, fake, story } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  fake.options.intercept = (heard, response) => {
    if (heard.message?.method !== 'tools/call') return false
    begin(response, { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 'p-1', progress: 1 } })
    setTimeout(() => response.destroy(), 20)
    return true
  }
  const stream = await streamCall(agent, 'legacy', 'read_note')
  assert.equal((await stream.next()).method, 'notifications/progress')
  const { id, error } = await stream.next()
  assert.equal(id, 7)
  assert.equal(error?.data?.['fault'], 'gateway.upstream_lost')
  assert.equal(error.data['outcome'], 'unknown')
  assert.match(error.message, /outcome unknown: http.*\/calls\//)
  assert.equal(await stream.ended, 'ended')
  assert.deepEqual(await story(), ['intent read_note', 'outcome unknown'])
})

test('a stream that ends without an answer is no answer', async (t) => {
  const { house, fake, story } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  fake.options.intercept = (heard, response) => {
    if (heard.message?.method !== 'tools/call') return false
    begin(response, { jsonrpc: '2.0', id: 'somebody else', result: { content: [] } })
    response.end()
    return true
  }
  const stream = await streamCall(agent, 'legacy', 'read_note')
  assert.equal(await stream.ended, 'ended')
  assert.deepEqual(
    stream.messages.map(({ id, error }) => [id, error?.data?.['outcome']]),
    [[7, 'unknown']],
    'the answer to another request is nobody’s business',
  )
  assert.deepEqual(await story(), ['intent read_note', 'outcome unknown'])
})

test('an upstream that is down is said to be so, and the outcome is a failure', async (t) => {
  const { house, fake, story } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  await fake.close()
  const answer = await agent.call('read_note', { id: 'n1' })
  assert.equal(answer.status, 502)
  assert.match(answer.error!.message, /cannot reach `desk`: nothing was sent/)
  assert.deepEqual(await story(), ['intent read_note', 'outcome failure'])
})

test('errors and failed results of the upstream pass, and are failures in the ledger', async (t) => {
  const { house, story } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const failed = await agent.call('fail', {})
  assert.deepEqual(failed.error, { code: -32602, message: 'no such thing' })
  const wrong = await agent.call('wrong', {})
  assert.equal(wrong.result['isError'], true)
  assert.equal(textOf(wrong), 'it went wrong')
  assert.deepEqual(await story(), ['intent fail', 'outcome failure', 'intent wrong', 'outcome failure'])
})

test('what an upstream asks of a client that declared nothing is refused by the gateway, and the call goes on', async (t) => {
  const { house } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const stream = await streamCall(agent, 'legacy', 'ask_client')
  assert.equal(await stream.ended, 'ended')
  assert.equal(stream.messages.length, 1, 'the question itself does not pass')
  assert.match(JSON.stringify(stream.messages[0]!.result), /the client did not declare `sampling`/)
})

function begin(response: ServerResponse, message: object): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`)
}
