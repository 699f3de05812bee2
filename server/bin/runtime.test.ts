import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { findRuntime } from './runtime.js'

const old = { execPath: '/usr/bin/node', version: 'v20.20.2' }

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bin-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Puts a program that says it is some version of Node where the lockfile would. */
function placeNode(folder: string, script: string): string {
  const bin = join(folder, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin')
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, 'node'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(bin, 'node'), 0o755)
  return join(bin, 'node')
}

test('the Node of the lockfile is found from a folder further down, and preferred', (t) => {
  const folder = scratch(t)
  const file = placeNode(folder, 'echo v24.21.0')
  mkdirSync(join(folder, 'server/src'), { recursive: true })
  assert.equal(findRuntime(join(folder, 'server/src'), old), file)
  assert.equal(findRuntime(join(folder, 'server/src'), { execPath: '/opt/node', version: 'v26.1.0' }), file)
})

test('a Node that does not run, or is too old, is passed over for the one that runs now', (t) => {
  const folder = scratch(t)
  const now = { execPath: '/opt/node', version: 'v24.0.0' }
  placeNode(folder, 'exit 127')
  assert.equal(findRuntime(folder, now), '/opt/node')
  placeNode(folder, 'echo v22.1.0')
  assert.equal(findRuntime(folder, now), '/opt/node')
})

test('without a Node that suits, the error says what there is and what to do', (t) => {
  assert.throws(() => findRuntime(scratch(t), old), /needs Node 24 or later; this is Node 20\.20\.2\.\n.*npm start/)
})

/** Runs a script through `runScript`, without a terminal, and collects what it says. */
function under(t: TestContext, script: string): { child: ReturnType<typeof spawn>; said: () => string } {
  const folder = scratch(t)
  const file = join(folder, 'program.js')
  writeFileSync(file, script)
  const runtime = new URL('./runtime.js', import.meta.url).href
  const code = `import { runScript } from ${JSON.stringify(runtime)}; await runScript(${JSON.stringify(file)}, ['one'])`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  return { child, said: () => said }
}

test('the exit code and the arguments of the program go through', async (t) => {
  const { child, said } = under(t, `console.log(process.argv[2]); process.exit(7)`)
  assert.deepEqual(await once(child, 'close'), [7, null])
  assert.equal(said(), 'one\n')
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} reaches the program exactly once, and a clean stop is a success`, async (t) => {
    const { child, said } = under(
      t,
      `let count = 0
       process.on('${signal}', () => {
         count++
         setTimeout(() => { console.log('heard ' + count); process.exit(0) }, 200)
       })
       setInterval(() => {}, 1000)
       console.log('ready')`,
    )
    await once(child.stdout!, 'data')
    child.kill(signal)
    child.kill(signal)
    assert.deepEqual(await once(child, 'close'), [0, null])
    assert.match(said(), /^ready\nheard 1\n/)
  })
}

test('a program that a signal ends gives the code that shells give it', async (t) => {
  const { child } = under(t, `console.log('ready'); setInterval(() => {}, 1000)`)
  await once(child.stdout!, 'data')
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'close'), [143, null])
})
