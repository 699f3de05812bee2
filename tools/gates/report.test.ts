import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import test from 'node:test'
import type { TestsStream } from 'node:test'
import { reportTests } from './report.ts'

const file = resolve('server/src/oauth/grant.test.ts')

/** An event as node:test sends it. */
function event(type: string, data: Record<string, unknown>): { type: string; data: Record<string, unknown> } {
  return { type, data: { nesting: 0, file, line: 3, details: { duration_ms: 2, type: 'test' }, ...data } }
}

async function report(
  ...events: ReturnType<typeof event>[]
): Promise<{ text: string; failed: number; executed: number }> {
  const total = { type: 'test:diagnostic', data: { nesting: 0, message: 'tests 1' } }
  let text = ''
  const stream = Readable.from([...events, total]) as unknown as TestsStream
  const summary = await reportTests(stream, (more) => void (text += more), [file])
  return { text, ...summary }
}

test('a file gets one line, and node’s own summary comes last', async () => {
  const { text, failed, executed } = await report(
    event('test:pass', { name: 'one' }),
    event('test:pass', { name: 'two', skip: 'not here' }),
    event('test:pass', { name: 'group', details: { duration_ms: 1, type: 'suite' } }),
    event('test:summary', { success: true }),
  )
  assert.equal(text, '  ✔ server/src/oauth/grant.test.ts: 1 passed, 1 skipped (5 ms)\n\n# tests 1\n')
  assert.deepEqual({ failed, executed }, { failed: 0, executed: 1 })
})

test('a file that was not heard to the end fails, with what was heard', async () => {
  const some = await report(event('test:pass', { name: 'one' }))
  const lost = '\n✖ server/src/oauth/grant.test.ts was not heard to the end: 1 passed, 0 FAILED, then no summary\n'
  assert.equal(some.text, `${lost}\n# tests 1\n`)
  assert.deepEqual([some.failed, some.executed], [1, 1])
  const none = await report()
  assert.match(none.text, /was not heard to the end: nothing, then no summary/)
  assert.deepEqual([none.failed, none.executed], [1, 0])
})

test('a failure is told with its place and its reason', async () => {
  const error = new Error('test failed', { cause: new Error('1 is not 2') })
  const { text, failed } = await report(
    event('test:fail', { name: 'one', details: { duration_ms: 2, type: 'test', error } }),
    event('test:summary', { success: false }),
  )
  assert.equal(failed, 1)
  assert.match(text, /1 FAILED/)
  assert.match(text, /✖ server\/src\/oauth\/grant\.test\.ts:3 one\n {4}Error: 1 is not 2\n/)
})

test('a file that holds no test is a failure, and counts as nothing executed', async () => {
  const { text, failed, executed } = await report(event('test:pass', { name: file }))
  assert.deepEqual({ failed, executed }, { failed: 1, executed: 0 })
  assert.match(text, /grant\.test\.ts:3 holds no test/)
})
