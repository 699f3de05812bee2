import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import type { Agent } from '../agent.ts'
import { noteOffers } from '../fake/fake-offers.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import type { House } from '../house.ts'

// Every address and method of the MCP door, and what each asks of who comes: a token for this address, good standing of
// principal, client, grant and upstream, and for what acts a decision that is recorded. A row that is added here was
// reviewed; one that answers 200 to nobody in particular must never be.

const file = new URL('mcp-door.txt', import.meta.url)

const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}

/** One question: how it is asked. */
interface Route {
  name: string
  verb: 'GET' | 'POST' | 'DELETE'
  headers: Record<string, string>
  body?: string
}

const paramsOf: Record<string, Record<string, unknown>> = {
  initialize: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'script', version: '1' } },
  'tools/call': { name: 'read_note', arguments: { id: 'n1' } },
  'prompts/get': { name: 'summarise', arguments: { id: 'n1' } },
  'resources/read': { uri: 'memo://readme' },
  'resources/subscribe': { uri: 'memo://readme' },
  'resources/unsubscribe': { uri: 'memo://readme' },
  'completion/complete': { ref: { type: 'ref/prompt', name: 'summarise' }, argument: { name: 'id', value: 'x' } },
  'logging/setLevel': { level: 'info' },
  'subscriptions/listen': { notifications: { toolsListChanged: true } },
  'notifications/cancelled': { requestId: 99 },
}

const methods = {
  legacy: [
    'initialize',
    'ping',
    'tools/list',
    'prompts/list',
    'resources/list',
    'resources/templates/list',
    'tools/call',
    'prompts/get',
    'resources/read',
    'completion/complete',
    'logging/setLevel',
    'resources/subscribe',
    'resources/unsubscribe',
    'server/discover',
    'subscriptions/listen',
    'nothing/known',
  ],
  modern: [
    'server/discover',
    'tools/list',
    'prompts/list',
    'resources/list',
    'resources/templates/list',
    'tools/call',
    'prompts/get',
    'resources/read',
    'completion/complete',
    'subscriptions/listen',
    'initialize',
    'ping',
    'logging/setLevel',
    'resources/subscribe',
    'nothing/known',
  ],
}

function listRoutes(): Route[] {
  const legacy = { 'mcp-protocol-version': '2025-11-25' }
  const message = (method: string, more: object = { id: 1 }) =>
    JSON.stringify({ jsonrpc: '2.0', ...more, method, params: paramsOf[method] ?? {} })
  const routes: Route[] = [
    { name: 'GET legacy stream', verb: 'GET', headers: legacy },
    { name: 'GET modern', verb: 'GET', headers: { 'mcp-protocol-version': '2026-07-28' } },
    { name: 'DELETE legacy session', verb: 'DELETE', headers: legacy },
    { name: 'POST a batch', verb: 'POST', headers: { 'mcp-protocol-version': '2025-03-26' }, body: `[${message('tools/call')}]` },
    { name: 'POST no JSON', verb: 'POST', headers: legacy, body: '{' },
    { name: 'POST a notification', verb: 'POST', headers: legacy, body: message('notifications/cancelled', {}) },
    { name: 'POST an answer', verb: 'POST', headers: legacy, body: JSON.stringify({ jsonrpc: '2.0', id: 1, result: {} }) },
  ]
  for (const method of methods.legacy) {
    routes.push({ name: `legacy ${method}`, verb: 'POST', headers: legacy, body: message(method) })
  }
  for (const method of methods.modern) {
    const params = paramsOf[method] ?? {}
    const named = { 'tools/call': params['name'], 'prompts/get': params['name'], 'resources/read': params['uri'] }[method]
    const headers: Record<string, string> = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
    if (typeof named === 'string') headers['mcp-name'] = named
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } })
    routes.push({ name: `modern ${method}`, verb: 'POST', headers, body })
  }
  return routes
}

async function ask(house: House, route: Route, token: string | undefined): Promise<string> {
  const leaving = new AbortController()
  const answer = await fetch(`${house.url}/mcp/desk`, {
    method: route.verb,
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...route.headers,
    },
    ...(route.body !== undefined && { body: route.body }),
    signal: leaving.signal,
  })
  const open = route.verb === 'GET' || route.name === 'modern subscriptions/listen'
  const text = open && answer.status === 200 ? '' : await answer.text()
  leaving.abort()
  const fault = /"fault":"([^"]+)"/.exec(text)?.[1]
  return fault === undefined ? String(answer.status) : `${answer.status} ${fault}`
}

/** Who comes. The upstream wants proof of the last but one, and is suspended for the last of them. */
async function openDoor(t: TestContext) {
  const desk = await openFakeHouse(t, { fake: { offers: noteOffers() } })
  const { house } = desk
  const { person, agent } = await connectAll(house)
  const revoked = await person.connect('desk', 'all')
  await house.rooms.oauth.revokeGrant({ by: 'set-up', id: revoked.grantId, reason: 'for a test' })
  await house.upstream('elsewhere', ['read_note'])
  const bo = await house.person('bo', ['elsewhere/read_note'])
  const foreign = await bo.connect('elsewhere')
  return { house, agent, revoked, foreign }
}

test('every address and method of the MCP door asks what was reviewed', async (t) => {
  const { house, agent, revoked, foreign } = await openDoor(t)
  const tokenOf = (one: Agent) => one.tokens.access_token
  const routes = listRoutes()
  const rows: string[][] = []
  for (const route of routes) {
    const row = [route.name, await ask(house, route, undefined), await ask(house, route, tokenOf(foreign))]
    row.push(await ask(house, route, tokenOf(revoked)))
    const before = await house.rooms.ledger.size()
    row.push(await ask(house, route, tokenOf(agent)))
    const kinds = ['intent', 'denial']
    const entries = await house.rooms.ledger.listEntries({ after: before - 1, limit: 10, kinds })
    rows.push([...row, entries.length > 0 ? 'decided, recorded' : ''])
  }
  const proof = { by: 'set-up', name: 'desk', reason: 'for a test' }
  await house.rooms.inventory.setProof({ ...proof, proof: 'required' })
  for (const [i, route] of routes.entries()) rows[i]!.splice(4, 0, await ask(house, route, tokenOf(agent)))
  await house.rooms.inventory.setProof({ ...proof, proof: 'optional' })
  await house.rooms.inventory.stepUpstream({ by: 'set-up', name: 'desk', to: 'suspended', reason: 'for a test' })
  for (const [i, route] of routes.entries()) rows[i]!.splice(5, 0, await ask(house, route, tokenOf(agent)))

  for (const [name, none, other] of rows) assert.deepEqual([none, other], ['401 oauth.token_missing', '401 oauth.token_invalid'], name)
  const heads = ['route', 'no token', 'token for elsewhere', 'revoked grant', 'upstream wants proof', 'suspended upstream', 'in good standing', '']
  const widths = heads.map((head, at) => Math.max(head.length, ...rows.map((row) => row[at]!.length)))
  const line = (row: string[]) => row.map((cell, at) => cell.padEnd(widths[at]!)).join('  ').trimEnd()
  const text = `${[heads, ...rows].map(line).join('\n')}\n`
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text)
  assert.equal(text, readFileSync(file, 'utf8'))
})
