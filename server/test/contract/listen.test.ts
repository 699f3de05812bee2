import { test } from 'node:test'
import { listenTo } from '../../src/store/engine/listen.ts'
import { openPool } from '../../src/store/engine/postgres.ts'
import { until } from '../patience.ts'
import { startPostgres } from '../postgres.ts'

test('a channel is heard again after the database ended the connection, and what was missed is made good', async (t) => {
  const postgres = await startPostgres()
  t.after(() => postgres.stop())
  const url = await postgres.createDatabase()
  const [pool, other] = [openPool(url), openPool(url)]
  let heard = 0
  const stop = await listenTo(pool, 'news', () => heard++)
  t.after(async () => {
    await stop()
    await pool.end()
    await other.end()
  })
  const hearOne = async (): Promise<void> => {
    const before = heard
    await until(async () => {
      await other.query('notify news')
      return heard > before
    }, 'news are heard')
  }
  await hearOne()

  const before = heard
  await other.query(`select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %'`)
  await until(() => heard > before, 'the new connection wakes us')
  await hearOne()
})
