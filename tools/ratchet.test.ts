import assert from 'node:assert/strict'
import test from 'node:test'
import { plot } from './plot.ts'
import { checkRatchets } from './ratchet.ts'

const comments = (count: number): string => '// why\n'.repeat(count)
const functionOf = (count: number): string => `export function long() {\n${comments(count - 2)}}\n`

function judge(t: Parameters<typeof plot>[0], files: Record<string, string>): string[] {
  return checkRatchets(plot(t, files)).map(({ path, line, text }) => `${path}:${line} ${text}`)
}

test('a file, a test file, a function and its parameters are allowed up to their limits', (t) => {
  const findings = judge(t, {
    'server/src/oauth/grant.ts': comments(400),
    'server/src/oauth/grant.test.ts': comments(600),
    'server/src/oauth/code.ts': functionOf(70),
    'server/src/oauth/three.ts': 'export const f = (a: 1, b: 2, ...c: 3[]) => [a, b, c]\n',
  })
  assert.deepEqual(findings, [])
})

test('one more is too much', (t) => {
  const findings = judge(t, {
    'server/src/oauth/a.ts': comments(401),
    'server/test/flow/b.ts': comments(601),
    'server/src/oauth/c.ts': `\n${functionOf(71)}`,
    'server/src/oauth/d.ts': 'export class D {\n  open(a: 1, b: 2, c: 3, d: 4) {\n    return [a, b, c, d]\n  }\n}\n',
  })
  assert.deepEqual(findings.toSorted(), [
    'server/src/oauth/a.ts:1 the file has 401 lines, the most is 400',
    'server/src/oauth/c.ts:2 long has 71 lines, the most is 70',
    'server/src/oauth/d.ts:2 open has 4 positional parameters, the most is 3',
    'server/test/flow/b.ts:1 the file has 601 lines, the most is 600',
  ])
})

test('a group of tests may be long, a test may not, and a callback has the shape that its caller gives it', (t) => {
  const body = comments(80)
  const findings = judge(t, {
    'server/src/oauth/a.test.ts': `describe('grants', () => {\n${body}})\ntest('one', () => {\n${body}})\n`,
    'server/src/oauth/b.test.ts': 'property((a, b, c, d) => a + b + c + d)\n',
  })
  assert.deepEqual(findings, ['server/src/oauth/a.test.ts:83 `one` has 82 lines, the most is 70'])
})

test('functions that a function defines by name are measured by themselves, callbacks are part of it', (t) => {
  const body = comments(40)
  const named = `function a() {\n${body}}\nconst b = () => {\n${body}}\nreturn { a, b, c() {\n${body}} }\n`
  const findings = judge(t, {
    'server/src/oauth/open.ts': `export function open() {\n${named}}\n`,
    'server/src/oauth/run.ts': `export function run() {\n[1].map(() => {\n${body}})\n[2].map(() => {\n${body}})\n}\n`,
  })
  assert.deepEqual(findings, ['server/src/oauth/run.ts:1 run has 86 lines, the most is 70'])
})

test('an exception holds at its value, and must shrink with what it excuses', (t) => {
  const list = (value: number): string =>
    JSON.stringify({ exceptions: [{ rule: 'file-lines', path: 'server/src/oauth/a.ts', value }] })
  const at = (count: number, value: number): string[] =>
    judge(t, { 'server/src/oauth/a.ts': comments(count), 'tools/ratchet.json': list(value) })
  assert.deepEqual(at(450, 450), [])
  assert.deepEqual(at(451, 450), ['server/src/oauth/a.ts:1 the file has 451 lines, the most is 450'])
  assert.deepEqual(at(430, 450), [
    'tools/ratchet.json:1 file-lines of server/src/oauth/a.ts has become better: lower the entry to 430',
  ])
  assert.deepEqual(at(400, 450), [
    'tools/ratchet.json:1 file-lines of server/src/oauth/a.ts has become better: remove the entry',
  ])
})

test('names are in kebab-case and say something', (t) => {
  const findings = judge(t, {
    'server/src/store/migration/0001-first.ts': '',
    'server/src/oauth/access-token.slow.test.ts': '',
    'server/src/oauth/accessToken.ts': '',
    'server/src/oauth/token-utils.ts': '',
    'server/src/oauth/helpers/code.ts': '',
  })
  assert.equal(findings.length, 3)
  assert.ok(
    findings.some(
      (finding) => finding.startsWith('server/src/oauth/accessToken.ts:1 ') && finding.includes('kebab-case'),
    ),
  )
  assert.ok(
    findings.some((finding) => finding.startsWith('server/src/oauth/token-utils.ts:1 ') && finding.includes('`utils`')),
  )
  assert.ok(
    findings.some(
      (finding) => finding.startsWith('server/src/oauth/helpers/code.ts:1 ') && finding.includes('`helpers`'),
    ),
  )
})

test('barrels are found; a list that imports its kinds is none', (t) => {
  const findings = judge(t, {
    'server/src/ledger/sinks.ts': `import { file } from './sink/file.ts'\nexport const sinks = [file]\n`,
    'server/src/ledger/index.ts': `\nexport { file } from './sink/file.ts'\nexport type { Sink } from './sink.ts'\n`,
    'server/src/ledger/all.ts': `export const a = 1\nexport * from './sink.ts'\n`,
  })
  assert.deepEqual(
    findings.toSorted(),
    ['re-exports what others define: import it from where it is'].flatMap((text) => [
      `server/src/ledger/all.ts:2 ${text}`,
      `server/src/ledger/index.ts:2 ${text}`,
    ]),
  )
})
