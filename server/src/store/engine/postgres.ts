import pg from 'pg'
import { PostgresDialect, type PostgresPoolClient } from 'kysely'
import { Fault } from '../../base/fault.ts'
import type { Append } from '../append.ts'

const int8 = 20

/** Sixty-four-bit integers come as numbers: ours are counters and epoch milliseconds, far below 2^53. */
function parserFor(type: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (type === int8) return Number
  return pg.types.getTypeParser(type, format as 'text') as (text: string) => unknown
}

export function openPool(url: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    connectionTimeoutMillis: 2_000,
    query_timeout: 5_000,
    statement_timeout: 5_000,
    types: { getTypeParser: parserFor } as pg.CustomTypesConfig,
  })
  // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
  pool.on('error', () => undefined)
  // So would one that breaks while it is lent and asked nothing, such as between two steps of a transaction.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

export function postgresDialect(pool: pg.Pool): PostgresDialect {
  return new PostgresDialect({
    pool: { options: pool.options, connect: () => connect(pool), end: () => pool.end() },
  })
}

interface AppendedRow {
  first_seq: number
  left_out: number[]
  revision_now: number
}

/** One question for a whole batch: see migration/0003-append.ts. */
export function postgresAppend(pool: pg.Pool): Append {
  return async (entries) => {
    const columns = [
      entries.map(({ kind }) => kind),
      entries.map(({ at }) => at),
      entries.map(({ callId }) => callId ?? ''),
      entries.map(({ leaf }) => leaf),
    ]
    const values = columns.map((column) => column.join('\n'))
    // Every outcome may be there already: another replica may have taken this one for dead.
    const text = 'select first_seq, left_out, revision_now from append_entries($1, $2, $3, $4)'
    const { rows } = await pool.query<AppendedRow>({ name: 'append_entries', text, values })
    const [{ first_seq: first, left_out: leftOut, revision_now: revision }] = rows as [AppendedRow]
    return { first, leftOut: leftOut.map((place) => place - 1), revision }
  }
}

/**
 * A connection on which the server did not answer is not used again: what it was asked is still under way, and the next
 * question would wait behind it.
 */
async function connect(pool: pg.Pool): Promise<PostgresPoolClient> {
  const client = await pool.connect().catch((cause: unknown) => {
    throw unavailable(cause)
  })
  let broken: Fault | undefined
  const query = async (text: string, parameters: readonly unknown[]): Promise<pg.QueryResult> => {
    if (broken !== undefined) throw broken
    try {
      return await client.query(text, [...parameters])
    } catch (error) {
      if (error instanceof pg.DatabaseError) throw error
      broken = unavailable(error)
      throw broken
    }
  }
  return { query: query as unknown as PostgresPoolClient['query'], release: () => client.release(broken !== undefined) }
}

function unavailable(cause: unknown): Fault {
  return new Fault('store.unavailable', 'the database does not answer; try again in a moment', {
    detail: String(cause),
    cause,
  })
}
