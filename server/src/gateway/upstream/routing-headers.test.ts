import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeHeaderValue } from './header-value.ts'
import { findLiar, routingHeaders } from './routing-headers.ts'

function call(args: Record<string, unknown>, name = 't') {
  return { jsonrpc: '2.0' as const, id: 1, method: 'tools/call', params: { name, arguments: args } }
}

const schema = {
  type: 'object',
  properties: {
    region: { type: 'string', 'x-mcp-header': 'Region' },
    deep: { type: 'object', properties: { level: { type: 'integer', 'x-mcp-header': 'Level' } } },
    bad: { type: 'string', 'x-mcp-header': 'a b\r\nx: y' },
    listed: { anyOf: [{ type: 'string', 'x-mcp-header': 'Unreachable' }] },
  },
}

test('method and name are taken from the judged body', () => {
  assert.deepEqual(routingHeaders(call({}, 'übung'), undefined), {
    'mcp-method': 'tools/call',
    'mcp-name': `=?base64?${Buffer.from('übung').toString('base64')}?=`,
  })
  assert.deepEqual(routingHeaders({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, undefined), {
    'mcp-method': 'tools/list',
  })
})

test('declared parameters are computed from the arguments, whatever the client sent', () => {
  const given = { 'mcp-param-region': 'forged', 'mcp-param-level': 'forged' }
  const headers = routingHeaders(call({ region: 'eu', deep: { level: 3 }, bad: 'x', listed: 'y' }), schema, given)
  assert.deepEqual(headers, {
    'mcp-method': 'tools/call',
    'mcp-name': 't',
    'mcp-param-region': 'eu',
    'mcp-param-level': '3',
  })
})

test('a declared parameter without a value has no header, even if the client sent one', () => {
  const headers = routingHeaders(call({ region: null, deep: 'flat' }), schema, { 'mcp-param-region': 'forged' })
  assert.deepEqual(Object.keys(headers), ['mcp-method', 'mcp-name'])
})

test('unknown parameters of the client pass, and nothing else of its headers does', () => {
  const given = {
    'mcp-param-other': 'v',
    'mcp-param-': 'v',
    'mcp-param-x y': 'v',
    'mcp-param-crlf': 'v\r\nx: y',
    authorization: 'Bearer x',
    'x-mux-token-id': 'x',
    cookie: 'x',
  }
  const headers = routingHeaders(call({}), schema, given)
  assert.deepEqual(headers, { 'mcp-method': 'tools/call', 'mcp-name': 't', 'mcp-param-other': 'v' })
})

test('values that a header cannot carry, or could be mistaken for encoded ones, are encoded', () => {
  for (const value of ['', ' x', 'x ', 'ü', 'a\nb', '=?base64?eA==?=']) {
    assert.match(encodeHeaderValue(value), /^=\?base64\?[A-Za-z0-9+/=]*\?=$/)
    assert.equal(Buffer.from(encodeHeaderValue(value).slice(9, -2), 'base64').toString(), value)
  }
  assert.equal(encodeHeaderValue('plain text'), 'plain text')
})

test('numbers that are no exact integers beyond the safe range are not sent', () => {
  assert.equal(routingHeaders(call({ deep: { level: 2 ** 60 } }), schema)['mcp-param-level'], undefined)
  assert.equal(routingHeaders(call({ region: true }), schema)['mcp-param-region'], 'true')
})

test('a header that mirrors a declared argument and disagrees, or is missing where demanded, is found', () => {
  const schema = {
    properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, n: { type: 'integer', 'x-mcp-header': 'N' } },
  }
  const mirrored = (args: Record<string, unknown>) => ({ args, inputSchema: schema })
  const args = { region: 'eu', n: 7 }
  const find = (given: Record<string, string>, demanded = false) => findLiar(mirrored(args), given, { demanded })
  assert.equal(find({}), undefined)
  assert.equal(find({ 'mcp-param-region': 'eu', 'mcp-param-n': '7', 'mcp-param-other': 'x' }), undefined)
  assert.equal(find({ 'mcp-param-region': '=?base64?ZXU=?=' }), undefined)
  assert.equal(find({ 'mcp-param-region': 'us' }), 'mcp-param-region')
  assert.equal(find({ 'mcp-param-n': '8' }), 'mcp-param-n')
  assert.equal(find({ 'mcp-param-n': '7' }, true), 'mcp-param-region')
  assert.equal(find({ 'mcp-param-region': '=?base64?ZXU?=' }), 'mcp-param-region')
  assert.equal(findLiar(mirrored({}), { 'mcp-param-region': 'eu' }, { demanded: false }), 'mcp-param-region')
  assert.equal(findLiar(mirrored({}), {}, { demanded: true }), undefined)
})
