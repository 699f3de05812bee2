import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import pg from 'pg'
import { startPostgres } from '../../server/test/postgres.ts'

/** A PostgreSQL for a bench: flushed to the disk, and its CPU counted. */
export interface BenchPostgres {
  url: string
  /** Of the server, such as `18.4`. */
  version: string
  /** CPU time of the server and all its processes so far, in microseconds. */
  cpuMicroseconds(): number
  stop(): Promise<void>
}

/** The kernel counts in hundredths of a second. */
const tickMicroseconds = 10_000

/** Starts it with its files below `folder`, which anybody may enter: it runs as nobody of importance. */
export async function openPostgres(folder = tmpdir()): Promise<BenchPostgres> {
  const server = await startPostgres({ durable: true, under: folder })
  const url = await server.createDatabase()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ pid: number; version: string }>(
    "select pg_backend_pid() as pid, current_setting('server_version') as version",
  )
  const { pid, version } = rows[0]!
  const main = statOf(String(pid))!.parent
  await client.end()
  return {
    url,
    version,
    cpuMicroseconds() {
      const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
      const stats = all.map((pid) => ({ pid, stat: statOf(pid) }))
      const ours = stats.filter(({ pid, stat }) => Number(pid) === main || stat?.parent === main)
      return ours.reduce((sum, { stat }) => sum + (stat?.ticks ?? 0), 0) * tickMicroseconds
    },
    stop: () => server.stop(),
  }
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: 4 is the parent; 14 to 17 are times, with those of children that ended. */
function statOf(pid: string): { parent: number; ticks: number } | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
      .map(Number)
    return { parent: fields[1]!, ticks: fields.slice(11, 15).reduce((sum, one) => sum + one, 0) }
  } catch {
    return undefined
  }
}
