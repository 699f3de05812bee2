import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpSessions } from './http-sessions.ts'

test('who begins session after session ends their own, and nobody else’s', async () => {
  const ended: (string | undefined)[] = []
  const clock = { now: () => 0, monotonic: () => 0 }
  const sessions = new HttpSessions(clock, async ({ id }) => void ended.push(id))
  const begin = (key: string) =>
    sessions.get(key, async () => ({ id: key, protocolVersion: '2025-11-25', logs: false }))
  await begin('quiet one')
  for (let at = 0; at < 65; at++) await begin(`greedy ${at}`)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(ended, ['greedy 0'])
  await begin('greedy 1')
  await begin('greedy 65')
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(ended, ['greedy 0', 'greedy 2'])
})
