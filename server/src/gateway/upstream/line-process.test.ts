import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { inTime, until } from '../../../test/patience.ts'
import { launchOf } from '../../../test/upstream-client.ts'
import { readLines, startLineProcess, type LineProcess } from './line-process.ts'

interface Started {
  process: LineProcess
  folder: string
  lines: string[]
  logged: string[]
  ended: Promise<string>
}

function start(
  t: TestContext,
  script: string,
  more: { secrets?: Record<string, string>; lineBytesMax?: number } = {},
): Started {
  const parent = mkdtempSync(join(tmpdir(), 'sallyport-process-'))
  t.after(() => rmSync(parent, { recursive: true, force: true }))
  const folder = join(parent, 'own')
  const lines: string[] = []
  const logged: string[] = []
  const log = {
    debug: (fields: object) => logged.push(JSON.stringify(fields)),
    warn: (fields: object) => logged.push(JSON.stringify(fields)),
  }
  const ended = Promise.withResolvers<string>()
  const launch = launchOf({ script: '-e', args: [script], env: { OWN: 'yes' }, folder })
  const started = startLineProcess(
    {
      launch,
      secrets: more.secrets ?? {},
      log,
      graceMs: 300,
      ...(more.lineBytesMax && { lineBytesMax: more.lineBytesMax }),
    },
    { onLine: (line) => lines.push(line), onEnd: (why) => ended.resolve(why) },
  )
  t.after(() => started.stop())
  return {
    process: started,
    folder,
    lines,
    logged,
    get ended() {
      return inTime(ended.promise, 'the process has ended')
    },
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A killed process whose parent has not waited for it yet is no longer alive.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

test('a process knows nothing of our environment: only path, home, its own and its credential', async (t) => {
  const { lines, ended, folder } = start(t, 'console.log(JSON.stringify([process.env, process.cwd()]))', {
    secrets: { TOKEN: 's3cret' },
  })
  await ended
  const [env, cwd] = JSON.parse(lines[0]!) as [Record<string, string>, string]
  assert.deepEqual(env, { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: folder, OWN: 'yes', TOKEN: 's3cret' })
  assert.equal(cwd, folder)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
})

test('stopping ends the whole group, children that ignore SIGTERM included', async (t) => {
  const stubborn = 'process.on("SIGTERM",()=>{});setInterval(()=>{},1000);console.log(process.pid)'
  const script = `require("node:child_process").spawn(process.execPath,["-e",${JSON.stringify(stubborn)}],{stdio:["ignore",1,"ignore"]});${stubborn}`
  const { process: started, lines, ended } = start(t, script)
  await until(() => lines.length === 2, 'both have said who they are')
  const pids = lines.map(Number)
  assert.deepEqual(pids.map(lives), [true, true])
  await started.stop()
  assert.match(await ended, /SIGKILL/)
  await until(() => !pids.some(lives), 'all of them have ended')
})

test('children that outlive the process die with it', async (t) => {
  const script =
    'const c=require("node:child_process").spawn(process.execPath,["-e","setInterval(()=>{},1000)"],{stdio:"inherit"});console.log(c.pid);setTimeout(()=>process.exit(5),50)'
  const { lines, ended } = start(t, script)
  assert.equal(await ended, 'it exited with code 5')
  await until(() => !lives(Number(lines[0])), 'the child has ended')
})

test('after a thousand starts, stops and crashes no process, no open file and no memory is left', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-process-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const log = { debug: () => undefined, warn: () => undefined }
  const launch = launchOf({ script: '-u', command: '/bin/cat', folder })
  const pids: number[] = []
  const round = async (crash: boolean) => {
    const [answered, ended] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
    const one = startLineProcess({ launch, secrets: {}, log }, { onLine: answered.resolve, onEnd: ended.resolve })
    one.write('hello')
    assert.equal(await answered.promise, 'hello')
    pids.push(one.pid!)
    if (crash) process.kill(one.pid!, 'SIGKILL')
    else await one.stop()
    await ended.promise
  }
  const rounds = async (count: number) => {
    for (let at = 0; at < count; at += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, index) => round(index % 2 === 0)))
    }
  }
  const measure = () => {
    for (let turn = 0; turn < 3; turn++) (globalThis.gc ?? (() => undefined))()
    return { files: readdirSync('/proc/self/fd').length, heap: process.memoryUsage().heapUsed }
  }
  await rounds(200)
  const before = measure()
  await rounds(800)
  const after = measure()
  await until(() => !pids.some(lives), 'all of them have ended')
  assert.ok(after.files <= before.files + 5, `${before.files} open files before, ${after.files} after`)
  assert.ok(after.heap < before.heap + 16 * 1024 * 1024, `${before.heap} bytes before, ${after.heap} after`)
})

test('a command that does not exist ends with a sentence, not with an exception', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-process-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const ended = Promise.withResolvers<string>()
  const log = { debug: () => undefined, warn: () => undefined }
  const launch = launchOf({ script: '-e', command: '/no/such/command; true', folder })
  const started = startLineProcess({ launch, secrets: {}, log }, { onLine: () => undefined, onEnd: ended.resolve })
  assert.match(await ended.promise, /could not be started: .*ENOENT/)
  assert.equal(started.write('x'), false)
  await started.stop()
})

test('a line that is too long ends the process', async (t) => {
  const { ended, lines } = start(
    t,
    'console.log("short");process.stdout.write("x".repeat(5000));setInterval(()=>{},1000)',
    { lineBytesMax: 1_000 },
  )
  assert.equal(await ended, 'it wrote a line that is too long')
  assert.deepEqual(lines, ['short'])
})

test('what it says on stderr is logged without its secrets and within bounds', async (t) => {
  const script = 'for (let i=0;i<3000;i++) console.error("line "+i+" "+process.env.TOKEN+" "+"y".repeat(5000))'
  const { ended, logged } = start(t, script, { secrets: { TOKEN: 'very-secret' } })
  await ended
  assert.equal(logged.length, 1_000)
  assert.ok(logged.every((line) => line.length < 2_100 && !line.includes('very-secret')))
  assert.match(logged[0]!, /line 0 \[hidden\]/)
})

test('lines are read whole wherever the chunks are cut', async () => {
  const text = 'one\r\n\n{"a":"ü"}\nlast without end'
  for (const size of [1, 2, 5, 100]) {
    const source = new PassThrough()
    const lines: string[] = []
    readLines(source, 100, { onLine: (line) => lines.push(line), onTooLong: () => assert.fail('too long') })
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += size) source.write(bytes.subarray(at, at + size))
    source.end()
    await new Promise((resolve) => source.once('end', resolve))
    assert.deepEqual(lines, ['one', '{"a":"ü"}'])
  }
})
