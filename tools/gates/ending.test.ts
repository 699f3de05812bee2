import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { endingArgs } from './ending.ts'

/** Runs a test file as the runner does, and returns what it said. */
async function said(t: TestContext, source: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ending-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'said.test.mjs')
  await writeFile(file, `import test from 'node:test'\n${source}`)
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn(process.execPath, [...endingArgs, '--test-reporter=tap', file], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 30_000,
  })
  return text(child.stdout)
}

test('what a file says before a forced end is heard, though it is more than a pipe holds', async (t) => {
  const output = await said(t, `process.stdout.write('word '.repeat(1_000_000))\nprocess.exit()`)
  assert.equal(output.length, 5_000_000)
})

test('a file ends although something in it is still open', async (t) => {
  const output = await said(t, `test('open', () => void setInterval(() => {}, 1000))`)
  assert.match(output, /^# pass 1$/m)
})
