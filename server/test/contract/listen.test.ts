import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listenTo } from '../../src/store/engine/listen.ts'
import { openPool } from '../../src/store/engine/postgres.ts'
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
    for (let attempt = 0; attempt < 200 && heard === before; attempt++) {
      await other.query('notify news')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.ok(heard > before, 'nothing was heard')
  }
  await hearOne()

  const before = heard
  await other.query(`select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %'`)
  for (let attempt = 0; attempt < 200 && heard === before; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.ok(heard > before, 'the new connection did not wake anybody')
  await hearOne()
})
