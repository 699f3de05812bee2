import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import type { Agent } from '../agent.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { toolNamed } from '../fake/fake-tools.ts'

// Headers that mirror the body are a second copy of it. Whoever decides by one while another acts by the other is fooled:
// so they agree to the byte, in one spelling, or nothing happens.

const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}

interface Sent {
  status: number
  code: number | undefined
}

/** Header lines exactly as they are given; a list is as many lines. */
function post(agent: Agent, body: string, headers: Record<string, string | string[] | undefined>): Promise<Sent> {
  const known = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
  const fixed = { authorization: `Bearer ${agent.tokens.access_token}`, 'content-type': 'application/json' }
  return new Promise((resolve, reject) => {
    const url = `${agent.origin}/mcp/${agent.upstream}`
    const sending = request(url, { method: 'POST', headers: { ...fixed, ...known }, agent: false }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('end', () => {
        const message = JSON.parse(Buffer.concat(parts).toString() || '{}') as { error?: { code: number } }
        resolve({ status: answer.statusCode!, code: message.error?.code })
      })
    })
    sending.on('error', reject)
    sending.end(body)
  })
}

const base64 = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`
const right = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'read_note' }
const name = (value: string | string[] | undefined) => ({ ...right, 'mcp-name': value })
const method = (value: string | string[] | undefined) => ({ ...right, 'mcp-method': value })
const version = (value: string | string[] | undefined) => ({ ...right, 'mcp-protocol-version': value })

const agreeing: Record<string, Record<string, string | string[] | undefined>> = {
  'as the body': right,
  'header names in other letters': {
    'MCP-PROTOCOL-VERSION': '2026-07-28',
    'mCp-MeThOd': 'tools/call',
    'MCP-NAME': 'read_note',
  },
  'white space around, which is no part of a value': name(' \t read_note '),
  'an encoded name, though it need not be': name(base64('read_note')),
}

const lying: Record<string, Record<string, string | string[] | undefined>> = {
  'no name': name(undefined),
  'an empty name': name(''),
  'another name': name('delete_note'),
  'a name in other letters': name('Read_note'),
  'a name with more behind it': name('read_note2'),
  'a name cut short': name('read_not'),
  'a name with - for _': name('read-note'),
  'a quoted name': name('"read_note"'),
  'a name with a parameter': name('read_note;q=1'),
  'a percent-encoded name': name('read%5Fnote'),
  'a name with an escape': name('read\\u005fnote'),
  'the name twice in a line': name('read_note, read_note'),
  'the name on two lines': name(['read_note', 'read_note']),
  'the right name first': name(['read_note', 'delete_note']),
  'the right name last': name(['delete_note', 'read_note']),
  'another name, encoded': name(base64('delete_note')),
  'an encoded encoding': name(base64(base64('read_note'))),
  'an encoding in other letters': name(base64('read_note').replace('base64', 'BASE64')),
  'an encoding without padding': name(base64('read_notes').replace('==', '')),
  'an encoding with padding that is too much': name(base64('read_note').replace('?=', '==?=')),
  'an encoding with bits that nobody reads': name('=?base64?cmVhZF9ub3Rl=?='),
  'an encoding of nothing': name('=?base64??='),
  'an encoding with white space': name('=?base64?cmVh ZF9ub3Rl?='),
  'an encoding in the alphabet for URLs': name('=?base64?cmVhZF9ub3Rl-_?='),
  'an encoding that is no UTF-8': name('=?base64?/w==?='),
  'an encoding that does not end': name('=?base64?cmVhZF9ub3Rl'),
  'an encoding with text behind': name(`${base64('read_note')}x`),
  'an encoding of mail': name('=?utf-8?B?cmVhZF9ub3Rl?='),
  'an encoded name with a byte order mark': name(base64('\ufeffread_note')),
  'an encoded name with a zero': name(base64('read_note\0')),
  'a name of full width': name(base64('ｒead_note')),
  'no method': method(undefined),
  'another method': method('tools/list'),
  'a method in other letters': method('Tools/Call'),
  'a percent-encoded method': method('tools%2Fcall'),
  'an encoded method': method(base64('tools/call')),
  'the method on two lines': method(['tools/call', 'tools/call']),
  'a method of two': method('tools/list, tools/call'),
  'no version': version(undefined),
  'a version before': version('2025-11-25'),
  'a version on two lines': version(['2026-07-28', '2026-07-28']),
  'a version before, and then the right one': version(['2025-11-25', '2026-07-28']),
  'a version written otherwise': version('2026-7-28'),
  'an encoded version': version(base64('2026-07-28')),
}

test('what the headers of a modern call say is what its body says, in one spelling, or the call is refused', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const params = { name: 'read_note', arguments: { id: 'n1' }, _meta: meta }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  for (const [what, headers] of Object.entries(lying)) {
    assert.deepEqual(await post(agent, body, headers), { status: 400, code: -32020 }, what)
  }
  assert.deepEqual(fake.calls, [])
  for (const [what, headers] of Object.entries(agreeing)) {
    assert.deepEqual(await post(agent, body, headers), { status: 200, code: undefined }, what)
  }
  assert.equal(fake.calls.length, Object.keys(agreeing).length)
})

test('a number mirrors in the one spelling that the body has after it was read', async (t) => {
  const count = { type: 'integer', 'x-mcp-header': 'Count' }
  const tool = toolNamed('read_some', { inputSchema: { type: 'object', properties: { count } } })
  const { house, fake } = await openFakeHouse(t, { tools: [tool] })
  const { agent } = await connectAll(house)
  const call = (lexeme: string, mirror: string | string[] | undefined) => {
    const told = JSON.stringify(meta)
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_some","arguments":{"count":${lexeme}},"_meta":${told}}}`
    return post(agent, body, { ...right, 'mcp-name': 'read_some', 'mcp-param-count': mirror })
  }
  for (const mirror of [
    '3.0',
    '+3',
    '03',
    '3e0',
    '0x3',
    '3,3',
    '３',
    '-3',
    '"3"',
    '',
    'three',
    ['3', '3'],
    undefined,
  ]) {
    const sent = Array.isArray(mirror) || mirror === undefined ? mirror : Buffer.from(mirror).toString('latin1')
    assert.deepEqual(await call('3', sent), { status: 400, code: -32020 }, String(mirror))
  }
  assert.deepEqual(fake.calls, [])
  for (const lexeme of ['3', '3.0', '3e0', '0.3e1']) assert.equal((await call(lexeme, '3')).status, 200, lexeme)
  assert.equal((await call('-0', '0')).status, 200)
  assert.equal((await call('9007199254740991', '9007199254740991')).status, 200)
})
