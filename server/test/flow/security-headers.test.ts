import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectAll, openFakeHouse } from '../fake-house.ts'

// The MCP door writes the heads of its answers itself: whatever it answers, and however, has the security headers.

const wanted = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

test('every kind of answer of the MCP door has the security headers, each once', async (t) => {
  const { house } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const url = `${house.origin}/mcp/${agent.upstream}`
  const authorization = `Bearer ${agent.tokens.access_token}`
  const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  const ending = new AbortController()
  t.after(() => ending.abort())
  const ask = (method: string, more: { body?: unknown; headers?: Record<string, string>; to?: string } = {}) =>
    fetch(more.to ?? url, {
      method,
      headers: { authorization, ...json, ...more.headers },
      body: more.body === undefined ? null : JSON.stringify(more.body),
      signal: ending.signal,
      redirect: 'manual',
    })
  const call = (id: number, name: string) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name, arguments: {} },
  })
  const hello = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 'a script', version: '1' } },
  }
  const begun = await ask('POST', { body: hello })
  const session = { 'mcp-session-id': begun.headers.get('mcp-session-id')! }
  const told = { jsonrpc: '2.0', method: 'notifications/initialized' }
  const batched = { ...session, 'mcp-protocol-version': '2025-03-26' }
  const answers: [status: number, answer: Response][] = [
    [200, begun],
    [200, await ask('POST', { body: call(2, 'read_note') })],
    [200, await ask('POST', { body: { jsonrpc: '2.0', id: 3, method: 'tools/list' } })],
    [202, await ask('POST', { body: told, headers: session })],
    [200, await ask('POST', { body: [call(4, 'read_note'), call(5, 'read_note')], headers: batched })],
    [202, await ask('POST', { body: [told], headers: batched })],
    [200, await ask('GET', { headers: session })],
    [403, await ask('POST', { body: call(6, 'no_such_tool') })],
    [401, await ask('POST', { body: told, headers: { authorization: '' } })],
    [403, await ask('POST', { body: told, headers: { origin: 'https://evil.example' } })],
    [404, await ask('POST', { body: told, to: `${house.origin}/mcp/Nothing` })],
    [405, await ask('PUT')],
    [405, await ask('HEAD')],
    [400, await ask('POST', { body: 'no message' })],
    [204, await ask('DELETE', { headers: session })],
    [400, await ask('POST', { body: told, to: `${url}/a%2fb` })],
    [307, await ask('GET', { to: url.replace('127.0.0.1', 'localhost') })],
  ]
  for (const [status, answer] of answers) {
    assert.equal(answer.status, status, answer.url)
    for (const [name, value] of Object.entries(wanted))
      assert.equal(answer.headers.get(name), value, `${status} ${name}`)
    if (answer.status !== 204 && answer.status !== 202) assert.match(String(answer.headers.get('date')), /GMT/)
  }
})
