import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../house.ts'
import { inTime, until } from '../patience.ts'

const program = fileURLToPath(new URL('../../bin/sallyport.js', import.meta.url))

interface Started {
  child: ChildProcess
  /** What it wrote so far, on either stream. */
  said(): { out: string; err: string }
  ended: Promise<[code: number | null, signal: string | null]>
}

/** Runs `sallyport serve` as from a terminal: in a process group of its own. */
function serve(t: TestContext, { data, port }: { data: string; port: number }): Started {
  const env = {
    PATH: process.env['PATH'],
    SALLYPORT_DATA: data,
    SALLYPORT_ORIGIN: `http://127.0.0.1:${port}`,
    SALLYPORT_LOG_LEVEL: 'error',
  }
  const child = spawn(process.execPath, [program, 'serve'], { cwd: tmpdir(), env, detached: true })
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()))
  t.after(() => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL')
  })
  const ended = once(child, 'exit') as Started['ended']
  return {
    child,
    said: () => said,
    get ended() {
      return inTime(ended, 'it has ended')
    },
  }
}

async function ready({ child, said }: Started): Promise<void> {
  await until(() => {
    assert.equal(child.exitCode, null, said().err)
    return said().out.includes('is ready')
  }, 'it is ready')
}

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-start-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** All processes below one, with the command of each. */
function descendantsOf(root: number): Map<number, string> {
  const found = new Map<number, string>()
  const parents = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), read(name, 'status', /^PPid:\s+(\d+)$/m)]),
  )
  const visit = (parent: number): void => {
    for (const [pid, of] of parents) {
      if (Number(of) !== parent) continue
      found.set(pid, read(String(pid), 'cmdline', /^([^]*)$/).replaceAll('\0', ' '))
      visit(pid)
    }
  }
  visit(root)
  return found
}

function read(pid: string, file: string, form: RegExp): string {
  try {
    return form.exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1] ?? ''
  } catch {
    return ''
  }
}

function isAlive(pid: number): boolean {
  return !['', 'Z'].includes(read(String(pid), 'status', /^State:\s+(\S)/m))
}

/** Demands that a start was refused with exit code 1 and one line, which says these things. */
async function refusedWith(started: Started, words: RegExp[]): Promise<void> {
  assert.deepEqual(await started.ended, [1, null])
  const { out, err } = started.said()
  const lines = err.trimEnd().split('\n')
  assert.equal(lines.length, 1, err)
  for (const word of words) assert.match(lines[0]!, word)
  assert.equal(out, '')
}

test('a second start on the same data folder says so in one line, and the first goes on', async (t) => {
  const data = newFolder(t)
  const port = await freePort()
  const first = serve(t, { data, port })
  await ready(first)
  await refusedWith(serve(t, { data, port: await freePort() }), [/another Sallyport/, /data/])
  assert.equal((await fetch(`http://127.0.0.1:${port}/.well-known/oauth-authorization-server`)).status, 200)
  process.kill(-first.child.pid!, 'SIGINT')
  assert.deepEqual(await first.ended, [0, null])
})

test('a start on a busy port says so in one line, and leaves no process', async (t) => {
  const port = await freePort()
  const other = createServer().listen(port, '127.0.0.1')
  await once(other, 'listening')
  t.after(() => other.close())
  const started = serve(t, { data: newFolder(t), port })
  const below = new Set<number>()
  const watch = setInterval(() => [...descendantsOf(started.child.pid!).keys()].forEach((pid) => below.add(pid)), 50)
  t.after(() => clearInterval(watch))
  await refusedWith(started, [new RegExp(String(port)), /listen/])
  assert.deepEqual([...below].filter(isAlive), [])
})

test('ctrl-c ends everything in good order, the processes of upstreams as well', async (t) => {
  const started = serve(t, { data: newFolder(t), port: await freePort() })
  await ready(started)
  const upstream = /server-memory/
  let below = new Map<number, string>()
  await until(() => {
    below = descendantsOf(started.child.pid!)
    return [...below.values()].some((command) => upstream.test(command))
  }, 'an upstream runs')
  process.kill(-started.child.pid!, 'SIGINT')
  assert.deepEqual(await started.ended, [0, null], started.said().err)
  assert.match(started.said().out, /Stopped\.\n$/)
  assert.deepEqual(
    [...below].filter(([pid]) => isAlive(pid)),
    [],
  )
})

test('killed without warning, it takes the processes of upstreams along', async (t) => {
  const started = serve(t, { data: newFolder(t), port: await freePort() })
  await ready(started)
  const server = () =>
    [...descendantsOf(started.child.pid!)].find(([, command]) => command.includes('cli/main.ts'))?.[0]
  for (let waitedMs = 0; descendantsOf(server() ?? 0).size === 0 && waitedMs < 20_000; waitedMs += 50) await sleep(50)
  const pid = server()!
  const below = [...descendantsOf(pid).keys()]
  assert.ok(below.length > 0, 'no upstream was started')
  process.kill(pid, 'SIGKILL')
  await started.ended
  for (let waitedMs = 0; below.some(isAlive) && waitedMs < 10_000; waitedMs += 50) await sleep(50)
  assert.deepEqual(below.filter(isAlive), [])
})
