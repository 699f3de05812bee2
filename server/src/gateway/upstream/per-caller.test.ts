import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { openReceipts } from '../../../test/receipts.ts'
import { callOf } from '../../../test/upstream-client.ts'
import { Fault } from '../../base/fault.ts'
import type { RpcNotification } from './message.ts'
import { PerCallerConnection } from './per-caller.ts'
import type { Listener, UpstreamConnection, UpstreamReply } from './upstream-kind.ts'

interface Opened extends UpstreamConnection {
  grantId: string | undefined
  learntBefore: unknown
  sent: string[]
  closed: boolean
  gone: AbortController
  reply: UpstreamReply
}

const signal = new AbortController().signal
const learnt = {
  era: 'modern',
  protocolVersion: '2026-07-28',
  serverName: 'fake',
  serverVersion: '1',
  instructions: undefined,
  capabilities: {},
} as const

function whole(): UpstreamReply {
  const message = { jsonrpc: '2.0' as const, id: 1, result: {} }
  return { kind: 'json', status: 200, bytes: new Uint8Array(), text: '', message }
}

/** Connections that keep what they were told, and answer as they are told. */
async function openHere(t: TestContext) {
  const opened: Opened[] = []
  const make = (grantId: string | undefined, learntBefore: unknown): Opened => {
    const one: Opened = {
      grantId,
      learntBefore,
      sent: [],
      closed: false,
      gone: new AbortController(),
      reply: whole(),
      async send(_receipt, request) {
        one.sent.push(request.callerKey)
        return one.reply
      },
      ask: async () => ({ asked: grantId ?? 'itself' }),
      learn: async () => learnt,
      async *listen(_of: Listener, until: AbortSignal): AsyncGenerator<RpcNotification> {
        yield { jsonrpc: '2.0', method: `for ${grantId}` }
        if (!until.aborted) await new Promise((resolve) => until.addEventListener('abort', resolve, { once: true }))
      },
      async close() {
        one.closed = true
      },
    }
    opened.push(one)
    return one
  }
  const connection = new PerCallerConnection('notes', undefined, (holder, known) => {
    const one = make(holder?.grantId, known)
    return { connection: one, gone: one.gone.signal }
  })
  const receipts = await openReceipts()
  t.after(() => receipts.close())
  const send = async (callerKey: string) =>
    connection.send(await receipts.next(), callOf('echo', { callerKey }), signal)
  return { connection, opened, send, of: (grantId: string) => opened.filter((one) => one.grantId === grantId) }
}

const listener = (callerKey: string): Listener => ({
  callerKey,
  protocolVersion: '2026-07-28',
  client: { info: { name: 'a', version: '1' }, capabilities: {} },
  ask: undefined,
  lists: true,
  resources: [],
})

test('each grant has a connection of its own, whatever its sessions, and our own questions another', async (t) => {
  const { connection, opened, send, of } = await openHere(t)
  for (const key of ['g-1 s-1', 'g-1 s-2', 'g-2 s-1', 'g-1 s-1 approved']) await send(key)
  assert.deepEqual(await connection.ask({ method: 'ping' }, signal), { asked: 'itself' })
  assert.deepEqual(
    opened.map(({ grantId, sent }) => [grantId, sent]),
    [
      [undefined, []],
      ['g-1', ['g-1 s-1', 'g-1 s-2', 'g-1 s-1 approved']],
      ['g-2', ['g-2 s-1']],
    ],
  )
  assert.equal(of('g-1').length, 1)
})

test('what a look learnt spares each caller’s connection from learning it', async (t) => {
  const { connection, send, of } = await openHere(t)
  await send('g-1 s')
  await connection.learn(signal)
  await send('g-2 s')
  assert.deepEqual([of('g-1')[0]!.learntBefore, of('g-2')[0]!.learntBefore], [undefined, learnt])
})

test('a connection whose credential is gone is closed, and the next call has another', async (t) => {
  const { send, of } = await openHere(t)
  await send('g-1 s')
  await send('g-2 s')
  of('g-1')[0]!.gone.abort()
  await send('g-1 s')
  assert.deepEqual(
    of('g-1').map(({ closed, sent }) => [closed, sent.length]),
    [
      [true, 1],
      [false, 1],
    ],
  )
  assert.equal(of('g-2')[0]!.closed, false)
})

test('a caller’s stream is their own, half of the sockets at the most are listened on, and who leaves makes room', async (t) => {
  const { connection, of } = await openHere(t)
  const ending = new AbortController()
  const first = await connection.listen(listener('g-1 listens'), signal).next()
  assert.equal((first.value as RpcNotification).method, 'for g-1')
  const streams = Array.from({ length: 127 }, (_, at) => connection.listen(listener(`h-${at} s`), ending.signal))
  for (const stream of streams) assert.equal((await stream.next()).done, false)
  assert.equal((await connection.listen(listener('late s'), signal).next()).done, true)
  ending.abort()
  for (const stream of streams) await stream.next()
  assert.equal((await connection.listen(listener('late s'), signal).next()).done, false)
  assert.equal(of('late').length, 1)
})

test('closing it closes all of them, and nothing is opened after that', async (t) => {
  const { connection, opened, send } = await openHere(t)
  await send('g-1 s')
  await connection.close()
  assert.ok(opened.every(({ closed }) => closed))
  await assert.rejects(
    send('g-2 s'),
    (error) => error instanceof Fault && error.code === 'gateway.upstream_unreachable',
  )
  assert.equal(opened.length, 2)
})
