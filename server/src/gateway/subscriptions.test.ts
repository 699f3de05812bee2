import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Subscriptions } from './subscriptions.ts'

test('what is remembered is bounded for all sessions together; who listens at this moment keeps theirs', () => {
  const subscriptions = new Subscriptions()
  const subscribe = (session: string) => {
    for (let at = 0; at < 256; at++) assert.ok(subscriptions.add(session, `memo://${at}`))
  }
  const stop = subscriptions.onChange('listening', () => undefined)
  for (const session of ['listening', 'first', 'second']) subscribe(session)
  assert.equal(subscriptions.add('first', 'memo://one-more'), false)
  for (let at = 0; at < 193; at++) subscribe(`session ${at}`)
  assert.deepEqual(
    ['listening', 'first', 'second', 'session 192'].map((session) => subscriptions.list(session).length),
    [256, 256, 0, 256],
  )
  stop()
})
