import type pg from 'pg'
import { Fault } from '../../base/fault.ts'

const retryMs = 1_000

/**
 * Hears the notifications of one channel for as long as the process lives: a connection that breaks is replaced, and what
 * was missed meanwhile is made good by waking once. Without a pool there is nobody to hear.
 */
export async function listenTo(
  pool: pg.Pool | undefined,
  channel: string,
  wake: () => void,
): Promise<() => Promise<void>> {
  if (pool === undefined) return async () => undefined
  const listening = new Listening(pool, channel, wake)
  try {
    await listening.connect()
  } catch (cause) {
    throw new Fault('store.unavailable', 'cannot listen to the database', { cause, detail: String(cause) })
  }
  return () => listening.stop()
}

class Listening {
  readonly #pool: pg.Pool
  readonly #channel: string
  readonly #wake: () => void
  #connection: pg.PoolClient | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(pool: pg.Pool, channel: string, wake: () => void) {
    this.#pool = pool
    this.#channel = channel
    this.#wake = wake
  }

  async connect(): Promise<void> {
    const connection = await this.#pool.connect()
    this.#connection = connection
    connection.on('notification', this.#wake)
    connection.once('error', () => this.#lost(connection))
    connection.once('end', () => this.#lost(connection))
    await connection.query(`listen ${this.#channel}`)
    if (this.#stopped) this.#drop()
  }

  #lost(connection: pg.PoolClient): void {
    if (this.#connection !== connection) return
    this.#drop()
    this.#retry()
  }

  #retry(): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.connect().then(this.#wake, () => {
        this.#drop()
        this.#retry()
      })
    }, retryMs)
    this.#timer.unref()
  }

  // A connection that listened, or broke, is of no use to others.
  #drop(): void {
    const connection = this.#connection
    this.#connection = undefined
    connection?.removeListener('notification', this.#wake)
    connection?.release(true)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#drop()
  }
}
