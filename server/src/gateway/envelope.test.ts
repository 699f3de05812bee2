import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readJson } from '../base/json.ts'
import { Fault, type FaultCode } from '../base/fault.ts'
import { readEnvelope } from './envelope.ts'
import { decodeHeader } from './upstream/header-value.ts'

const version = 'io.modelcontextprotocol/protocolVersion'
const capabilities = 'io.modelcontextprotocol/clientCapabilities'

function modern(
  over: { headers?: Record<string, string | undefined>; meta?: object; params?: object; method?: string } = {},
) {
  const method = over.method ?? 'tools/call'
  const params = { name: 'drop', _meta: { [version]: '2026-07-28', [capabilities]: {}, ...over.meta }, ...over.params }
  return {
    headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, 'mcp-name': 'drop', ...over.headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  }
}

function read(of: { headers?: Record<string, string | undefined>; body: string }) {
  return readEnvelope(of.headers ?? {}, readJson(Buffer.from(of.body)))
}

function refuses(code: FaultCode, of: Parameters<typeof read>[0]): void {
  assert.throws(
    () => read(of),
    (error: unknown) => error instanceof Fault && error.code === code,
    `${code}: ${JSON.stringify(of)}`,
  )
}

test('a modern request is known by its body, and its mirrors must agree with it', () => {
  const envelope = read(modern())
  assert.deepEqual([envelope.era, envelope.shape, envelope.method, envelope.id], ['modern', 'request', 'tools/call', 1])
  refuses('gateway.header_mismatch', modern({ headers: { 'mcp-name': 'other' } }))
  refuses('gateway.header_mismatch', modern({ headers: { 'mcp-name': undefined } }))
  refuses('gateway.header_mismatch', modern({ headers: { 'mcp-name': 'drop, drop' } }))
  refuses('gateway.header_mismatch', modern({ headers: { 'mcp-name': 'DROP' } }))
  refuses('gateway.header_mismatch', modern({ headers: { 'mcp-method': 'tools/list' } }))
  refuses('gateway.header_mismatch', modern({ headers: { 'mcp-method': undefined } }))
  refuses('gateway.header_mismatch', modern({ headers: { 'mcp-protocol-version': '2025-11-25' } }))
  refuses('gateway.header_mismatch', modern({ headers: { 'mcp-protocol-version': undefined } }))
})

test('a legacy request needs no mirrors, but one that disagrees is refused all the same', () => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 'a', method: 'tools/call', params: { name: 'drop' } })
  for (const header of [undefined, '2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
    assert.equal(read({ headers: { 'mcp-protocol-version': header }, body }).era, 'legacy')
  }
  refuses('gateway.header_mismatch', { headers: { 'mcp-name': 'list' }, body })
  refuses('gateway.header_mismatch', { headers: { 'mcp-method': 'tools/list' }, body })
  refuses('gateway.unsupported_version', { headers: { 'mcp-protocol-version': '2024-10-07' }, body })
})

test('a modern request without its version or its capabilities is refused, an unknown version with the list of known ones', () => {
  refuses('gateway.bad_params', modern({ meta: { [version]: undefined } }))
  refuses('gateway.bad_params', modern({ meta: { [capabilities]: undefined } }))
  refuses('gateway.bad_params', modern({ meta: { [version]: 7 } }))
  const unknown = '2030-01-01'
  refuses('gateway.header_mismatch', modern({ meta: { [version]: unknown } }))
  assert.throws(
    () => read(modern({ meta: { [version]: unknown }, headers: { 'mcp-protocol-version': unknown } })),
    (error: unknown) => error instanceof Fault && JSON.stringify(error.data?.['supported']).includes('2026-07-28'),
  )
})

test('a name outside ASCII travels in base64, and what it decodes to is not decoded again', () => {
  const encoded = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`
  assert.equal(decodeHeader(encoded('löschen')), 'löschen')
  assert.equal(decodeHeader(encoded(encoded('drop'))), encoded('drop'))
  assert.equal(decodeHeader('=?base64?/w==?='), undefined)
  refuses('gateway.header_mismatch', modern({ headers: { 'mcp-name': encoded(encoded('drop')) } }))
  assert.equal(read(modern({ headers: { 'mcp-name': encoded('drop') } })).params['name'], 'drop')
})

test('what is no single JSON-RPC message, or more than one reader could read differently, is refused', () => {
  const call = '"jsonrpc":"2.0","id":1,"method":"tools/call"'
  refuses('gateway.bad_envelope', { body: `[{${call}}]` })
  refuses('gateway.bad_envelope', { body: `{${call},"Method":"tools/list"}` })
  refuses('gateway.bad_envelope', { body: '{"jsonrpc":"1.0","id":1,"method":"ping"}' })
  refuses('gateway.bad_envelope', { body: '{"jsonrpc":"2.0","id":1}' })
  refuses('gateway.bad_envelope', { body: '{"jsonrpc":"2.0","id":null,"method":"ping"}' })
  refuses('gateway.bad_envelope', { body: '{"jsonrpc":"2.0","id":1.5,"method":"ping"}' })
  refuses('gateway.bad_envelope', { body: '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}' })
  refuses('gateway.bad_params', { body: `{${call},"params":[]}` })
  refuses('base.bad_json', { body: `{${call},"params":{"name":"a","name":"b"}}` })
  refuses('base.bad_json', { body: `{${call}` })
})

test('a notification has no id and a response no method', () => {
  assert.equal(read({ body: '{"jsonrpc":"2.0","method":"notifications/initialized"}' }).shape, 'notification')
  assert.equal(read({ body: '{"jsonrpc":"2.0","id":1,"result":{}}' }).shape, 'response')
  const headers = { 'mcp-protocol-version': '2026-07-28' }
  assert.equal(read({ headers, body: '{"jsonrpc":"2.0","method":"notifications/cancelled"}' }).era, 'modern')
})
