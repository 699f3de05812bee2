import pg from 'pg'
import { PostgresDialect } from 'kysely'

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
  return pool
}

export function postgresDialect(pool: pg.Pool): PostgresDialect {
  return new PostgresDialect({ pool })
}
