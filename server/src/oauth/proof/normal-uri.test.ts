import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalUri } from './normal-uri.ts'

const same = [
  'https://gate.example/mcp/desk',
  'https://gate.example:443/mcp/desk',
  'HTTPS://GATE.example/mcp/desk',
  'https://gate.example/mcp/desk?x=1',
  'https://gate.example/mcp/desk#x',
  'https://gate.example/mcp/desk?#',
  'https://gate.example/%6dcp/de%73k',
  'https://gate.example/%6Dcp/desk',
  'https://gate.example/./mcp/x/../desk',
  'https://gate.example/mcp/x/%2e%2E/desk',
]

const other = [
  'http://gate.example/mcp/desk',
  'https://gate.example:80/mcp/desk',
  'https://gate.example:8443/mcp/desk',
  'https://gate.example./mcp/desk',
  'https://other.example/mcp/desk',
  'https://gate.example.evil.example/mcp/desk',
  'https://gate.example/mcp/desk/',
  'https://gate.example//mcp/desk',
  'https://gate.example/mcp//desk',
  'https://gate.example/MCP/desk',
  'https://gate.example/mcp%2fdesk',
  'https://gate.example/mcp/desk%00',
  'https://gate.example/mcp/desk;x',
  'https://gate.example/mcp',
  'https://gate.example',
]

const none = [
  '',
  '/mcp/desk',
  '//gate.example/mcp/desk',
  'gate.example/mcp/desk',
  'https:/gate.example/mcp/desk',
  'https:gate.example/mcp/desk',
  'https:///gate.example/mcp/desk',
  'https://x@gate.example/mcp/desk',
  'https://@gate.example/mcp/desk',
  'https://gate.example@evil.example/mcp/desk',
  'https:\\\\gate.example\\mcp\\desk',
  'https://gate.example\\mcp\\desk',
  ' https://gate.example/mcp/desk',
  'https://gate.example/mcp/desk\n',
  'https://gate.exa\tmple/mcp/desk',
  'https://gäte.example/mcp/desk',
  'ftp://gate.example/mcp/desk',
  'javascript:alert(1)',
  'https://',
  'https://?x',
  'https://gate.example:99999/mcp/desk',
]

test('what the RFC spells otherwise is the same address, and nothing else is', () => {
  const [address] = same
  for (const uri of same) assert.equal(normalUri(uri), address, uri)
  for (const uri of other) assert.ok(![address, undefined].includes(normalUri(uri)), uri)
  for (const uri of none) assert.equal(normalUri(uri), undefined, uri)
})
