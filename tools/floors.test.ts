import assert from 'node:assert/strict'
import test from 'node:test'
import { checkFloors } from './floors.ts'
import { layering, locks, sealed } from './floors/rules.ts'
import { plot } from './plot.ts'

const manifest = JSON.stringify({
  dependencies: {
    kysely: '1',
    pg: '1',
    undici: '1',
    jose: '1',
    'oidc-provider': '1',
    'openid-client': '1',
    '@modelcontextprotocol/client': '1',
  },
})

/** What the checker says of a tree below `server/src`, as `path:line text`. */
function judge(t: Parameters<typeof plot>[0], files: Record<string, string>): string[] {
  const placed = Object.entries(files).map(([path, text]) => [`server/src/${path}`, text])
  const root = plot(t, { ...Object.fromEntries(placed), 'server/package.json': manifest })
  return checkFloors(root).map(({ path, line, text }) => `${path.replace('server/src/', '')}:${line} ${text}`)
}

/** Asserts one finding, at a place, for a reason. */
function only(findings: readonly string[], at: string, reason: string): void {
  assert.equal(findings.length, 1, findings.join('\n'))
  assert.ok(findings[0]?.startsWith(`${at} `), findings[0])
  assert.ok(findings[0]?.includes(reason), findings[0])
}

test('imports that go down to a hall, and into the own closet, are allowed', (t) => {
  const findings = judge(t, {
    'main.ts': `import { serve } from './gateway/serve.ts'\nserve()\n`,
    'cli/main.ts': `import '../main.ts'\nexport const settings = process.env\n`,
    'gateway/serve.ts': `import { kind } from './upstream/stdio.ts'\nimport { decide } from '../policy/decide.ts'\nexport const serve = () => [kind, decide]\n`,
    'gateway/upstream/stdio.ts': `import { spawn } from 'node:child_process'\nexport const kind = spawn\n`,
    'policy/decide.ts': `import type { Tool } from '../model/tool.ts'\nexport const decide = (tool: Tool) => tool\n`,
    'model/tool.ts': `export type Tool = string\n`,
    'base/listen.ts': `import { createServer, type Server } from 'node:http'\nexport const listen = (): Server => createServer()\n`,
    'base/dial.ts': `import { request } from 'undici'\nexport const dial = () => [request, fetch('x')]\n`,
    'base/clock.ts': `export const now = () => Date.now()\n`,
    'base/config.ts': `import { isIP } from 'node:net'\nexport const env = [process.env, isIP]\n`,
    'store/store.ts': `import pg from 'pg'\nexport const store = pg\n`,
  })
  assert.deepEqual(findings, [])
})

const tool = { 'model/tool.ts': 'export type Tool = string\nexport const tool = 1\n' }

const layeringCases: [reason: string, at: string, files: Record<string, string>][] = [
  [layering.upward, 'model/tool.ts:2', { 'model/tool.ts': `\nimport '../policy/decide.ts'\n`, 'policy/decide.ts': '' }],
  [
    layering.upward,
    'model/tool.ts:1',
    { 'model/tool.ts': `import type { A } from '../main.ts'\nexport type B = A\n`, 'main.ts': 'export type A = 1\n' },
  ],
  [
    layering.strangers,
    'policy/decide.ts:1',
    { 'policy/decide.ts': `export { store } from '../store/store.ts'\n`, 'store/store.ts': 'export const store = 1\n' },
  ],
  [
    layering.closet,
    'gateway/call.ts:1',
    { 'gateway/call.ts': `import '../oauth/authorize/pkce.ts'\n`, 'oauth/authorize/pkce.ts': '' },
  ],
  [
    layering.closet,
    'main.ts:1',
    {
      'main.ts': `const pkce = await import('./oauth/authorize/pkce.ts')\nexport { pkce }\n`,
      'oauth/authorize/pkce.ts': '',
    },
  ],
  [
    layering.cycle,
    'oauth/a.ts:1',
    {
      'oauth/a.ts': `import './b.ts'\n`,
      'oauth/b.ts': `import './c/c.ts'\n`,
      'oauth/c/c.ts': `import type { A } from '../a.ts'\nexport type C = A\n`,
    },
  ],
  [layering.outside, 'model/tool.ts:1', { 'model/tool.ts': `import '../../../tools/floors.ts'\n` }],
  [
    layering.test,
    'oauth/grant.ts:1',
    { 'oauth/grant.ts': `import '../model/tool.test.ts'\n`, 'model/tool.test.ts': '' },
  ],
  [layering.undeclared, 'oauth/grant.ts:1', { 'oauth/grant.ts': `import 'left-pad'\n` }],
  [layering.undeclared, 'oauth/grant.ts:1', { 'oauth/grant.ts': `import 'node:nothing'\n` }],
  [layering.computed, 'oauth/grant.ts:1', { 'oauth/grant.ts': `export const load = (name: string) => import(name)\n` }],
  [
    layering.computed,
    'oauth/grant.ts:1',
    { 'oauth/grant.ts': 'export const load = (name: string) => import(`./${name}.ts`)\n' },
  ],
  [layering.unknownRoom, 'attic/box.ts:1', { 'attic/box.ts': `import '../model/tool.ts'\n`, ...tool }],
]

for (const [reason, at, files] of layeringCases) {
  test(`\`${Object.values(files)[0]?.trim().split('\n')[0]}\` in ${at} is found: ${reason}`, (t) => {
    only(judge(t, files), at, reason)
  })
}

/** What breaks each lock, and where; the text goes on line 2. */
const lockCases: [path: string, text: string][] = [
  ['oauth/grant.ts', `import { sql } from 'kysely'`],
  ['oauth/grant.ts', `import type { Kysely } from 'kysely'`],
  ['ledger/append.ts', `import { DatabaseSync } from 'node:sqlite'`],
  ['gateway/call.ts', `import { request } from 'undici'`],
  ['gateway/call.ts', `import { connect } from 'node:tls'`],
  ['gateway/call.ts', `import { isIP, connect } from 'node:net'`],
  ['gateway/call.ts', `import 'node:dns/promises'`],
  ['control/serve.ts', `import { createServer } from 'node:http'`],
  ['identity/login.ts', `export const answer = fetch('https://example.com')`],
  ['identity/login.ts', `export const answer = globalThis.fetch('https://example.com')`],
  ['identity/login.ts', `export const dial = { fetch }`],
  ['identity/login.ts', `export const dial = (f = fetch) => f('x')`],
  ['identity/login.ts', `import { createRemoteJWKSet } from 'jose'`],
  ['oauth/grant.ts', `import { jwtVerify } from 'jose'`],
  ['oauth/grant.ts', `import { discovery } from 'openid-client'`],
  ['gateway/probe.ts', `import { auth } from '@modelcontextprotocol/client'`],
  ['oauth/grant.ts', `import { createRequire } from 'node:module'`],
  ['oauth/grant.ts', `export const net = process.getBuiltinModule('node:net')`],
  ['inventory/probe.ts', `import { spawn } from 'node:child_process'`],
  ['gateway/call.ts', `import { spawn } from 'node:child_process'`],
  ['gateway/call.ts', `import Provider from 'oidc-provider'`],
  ['policy/decide.ts', `import { createHash } from 'node:crypto'`],
  ['policy/decide.ts', `export async function decide() {}`],
  ['policy/check/scope.ts', `export const decide = () => new Promise(() => {})`],
  ['store/store.ts', `export const home = process.env['HOME']`],
  ['store/store.ts', `export const { env } = process`],
  ['store/store.ts', `import { env } from 'node:process'`],
  ['oauth/grant.ts', `export const at = Date.now()`],
  ['oauth/grant.ts', `export const at = globalThis.Date.now()`],
  ['oauth/grant.ts', `export const at = new Date()`],
  ['oauth/grant.ts', `export const id = Math.random()`],
]

for (const [path, text] of lockCases) {
  test(`\`${text}\` in ${path} is found: the door is locked`, (t) => {
    const findings = judge(t, { [path]: `\n${text}\n` })
    const reason = locks.find((lock) => findings[0]?.includes(lock.reason))?.reason
    only(findings, `${path}:2`, reason ?? 'the reason of a lock')
  })
}

test('every lock has a case that breaks it', (t) => {
  const found = lockCases.flatMap(([path, text]) => judge(t, { [path]: `${text}\n` }))
  for (const lock of locks)
    assert.ok(
      found.some((finding) => finding.includes(lock.reason)),
      lock.reason,
    )
})

const freeCases: [path: string, text: string][] = [
  [
    'gateway/call.ts',
    `import type { Dispatcher } from 'undici'\nimport { type IncomingMessage } from 'node:http'\nexport type A = Dispatcher | IncomingMessage`,
  ],
  ['identity/login.ts', `export const use = (fetch: typeof globalThis.fetch) => fetch('x')`],
  ['identity/login.ts', `export const use = (dialer: { fetch(): void }) => dialer.fetch()`],
  ['policy/decide.ts', `export const isPromise = (value: { Promise: boolean }) => value.Promise`],
  ['oauth/grant.ts', `export const at = (ms: number) => new Date(ms).toISOString()`],
  ['oauth/grant.ts', `import { SignJWT } from 'jose'\nexport const sign = SignJWT`],
  [
    'oauth/grant.test.ts',
    `import { spawn } from 'node:child_process'\nimport '../gateway/upstream/stdio.ts'\nexport const a = [spawn, Date.now()]`,
  ],
]

for (const [path, text] of freeCases) {
  test(`\`${text.split('\n')[0]}\` in ${path} is allowed`, (t) => {
    const other: Record<string, string> = { 'gateway/upstream/stdio.ts': 'export const a = 1\n' }
    assert.deepEqual(judge(t, { ...other, [path]: `${text}\n` }), [])
  })
}

test('a name that one function declares does not hide the global in another', (t) => {
  const text = `export const own = (fetch: () => void) => fetch()\nexport const other = () => fetch('x')\n`
  only(judge(t, { 'identity/login.ts': text }), 'identity/login.ts:2', 'uses fetch')
})

test('the verifier may not bring in the store or the network through another file', (t) => {
  const findings = judge(t, {
    'ledger/verify.ts': `import './merkle.ts'\nimport type { Store } from '../store/store.ts'\nexport type S = Store\n`,
    'ledger/merkle.ts': `import './tiles/read.ts'\n`,
    'ledger/tiles/read.ts': `\nimport '../../store/store.ts'\n`,
    'store/store.ts': 'export type Store = 1\n',
  })
  only(findings, 'ledger/tiles/read.ts:2', sealed[0].reason)
})

test('a circle among tests is found, and tests may otherwise import anything', (t) => {
  const root = plot(t, {
    'server/test/house.ts': `import './person.ts'\nimport '../src/oauth/authorize/pkce.ts'\n`,
    'server/test/person.ts': `import type { A } from './house.ts'\nexport type B = A\n`,
    'server/src/oauth/authorize/pkce.ts': '',
  })
  const findings = checkFloors(root)
  assert.equal(findings.length, 1)
  assert.ok(findings[0]?.text.includes(layering.cycle))
})
