import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { inTime, until } from '../../test/patience.ts'
import type { Caller } from '../oauth/access-token.ts'
import type { Envelope } from './envelope.ts'
import { KeptStreams, type KeptStream } from './kept-streams.ts'

// What is kept for a client that is away is bounded in size, in number and in time.

const minuteMs = 60_000
const kibibyte = 'x'.repeat(1_024)

interface Kept {
  stream: KeptStream
  socket: Socket
  response: ServerResponse
  gone: boolean
  /** Ends the connection of the client, and resolves when that is known. */
  leave(): Promise<void>
}

async function openServer(t: TestContext): Promise<() => Promise<{ response: ServerResponse; socket: Socket }>> {
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  return async () => {
    const asked = once(server, 'request') as Promise<[unknown, ServerResponse]>
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.resume().write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    const [, response] = await inTime(asked, 'the client has asked')
    return { response, socket }
  }
}

interface Streams {
  all: KeptStreams
  visit: Awaited<ReturnType<typeof openServer>>
  begin(grantId?: string): Promise<Kept>
}

async function openStreams(t: TestContext): Promise<Streams> {
  const visit = await openServer(t)
  const all = new KeptStreams()
  return {
    all,
    visit,
    async begin(grantId = 'g') {
      const { response, socket } = await visit()
      const of = { caller: { grantId, key: grantId } as Caller, envelope: { session: { id: 's' } } as Envelope }
      const kept: Kept = {
        stream: all.open({ ...of, onGone: () => (kept.gone = true) }),
        socket,
        response,
        gone: false,
        async leave() {
          const closed = once(response, 'close')
          socket.destroy()
          await inTime(closed, 'the connection has ended')
        },
      }
      kept.stream.begin(response)
      return kept
    },
  }
}

test('a client that does not come back within a minute has gone, and nothing is left of its stream', async (t) => {
  const { all, begin } = await openStreams(t)
  const kept = await begin()
  t.mock.timers.enable({ apis: ['setTimeout'] })
  kept.stream.say(kibibyte, false)
  await kept.leave()
  t.mock.timers.tick(minuteMs - 1)
  assert.deepEqual([kept.gone, all.size], [false, 1])
  t.mock.timers.tick(1)
  assert.deepEqual([kept.gone, all.size], [true, 0])
})

test('who comes back and is gone again before that is known is still away', async (t) => {
  const { all, begin, visit } = await openStreams(t)
  const [kept, { response, socket }] = [await begin(), await visit()]
  t.mock.timers.enable({ apis: ['setTimeout'] })
  await kept.leave()
  const closed = once(response, 'close')
  socket.destroy()
  await closed
  kept.stream.resume(response, 0)
  t.mock.timers.tick(minuteMs)
  assert.deepEqual([kept.gone, all.size], [true, 0])
})

test('of one grant sixteen clients may be away, and others are none the worse for it', async (t) => {
  const { all, begin } = await openStreams(t)
  const many: Kept[] = []
  for (let at = 0; at < 17; at++) many.push(await begin('many'))
  const other = await begin('other')
  for (const one of [...many, other]) await one.leave()
  assert.equal(many.filter(({ gone }) => gone).length, 1)
  assert.equal(other.gone, false)
  assert.equal(all.size, 17)
})

test('a stream on which more was said than is kept goes on, and cannot be taken up again', async (t) => {
  const { all, begin } = await openStreams(t)
  const [there, away] = [await begin(), await begin()]
  for (let said = 0; said < 400; said++) for (const { stream } of [there, away]) stream.say(kibibyte, false)
  await away.leave()
  assert.deepEqual([away.gone, all.size], [false, 2])
  for (let said = 400; said < 600; said++) for (const { stream } of [there, away]) stream.say(kibibyte, false)
  assert.deepEqual([there.gone, away.gone, all.size], [false, true, 0])
  await there.leave()
  assert.equal(there.gone, true)
})

test('of all streams together 64 MiB are kept, and what is given up makes room', async (t) => {
  const { all, begin } = await openStreams(t)
  const large = 'x'.repeat(500 * 1_024)
  const streams = []
  for (let at = 0; at < 140; at++) {
    const kept = await begin(`g${at}`)
    kept.stream.say(large, false)
    streams.push(kept)
  }
  assert.equal(all.size, 131)
  for (const { stream } of streams) stream.destroy()
  assert.equal(all.size, 0)
  const next = await begin()
  next.stream.say(large, false)
  assert.equal(all.size, 1)
})

test('an answer that was handed to the connection whole is kept no longer', async (t) => {
  const { all, begin } = await openStreams(t)
  const kept = await begin()
  kept.stream.say(kibibyte, true)
  const empty = async () => {
    while (all.size > 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await inTime(empty(), 'it is forgotten')
  assert.equal(kept.gone, false)
})

test('what was said is waited for until the client has taken it, or is away', async (t) => {
  const { begin } = await openStreams(t)
  const [reads, leaves] = [await begin(), await begin()]
  const large = 'x'.repeat(4 * 1024 * 1024)
  for (const kept of [reads, leaves]) {
    kept.socket.pause()
    while (!kept.stream.untaken) kept.stream.say(large, false)
    const over: string[] = []
    const waiting = kept.stream.taken().then(() => over.push('taken'))
    // Another client hears and answers meanwhile: so there was time for more than this.
    for (let at = 0; at < 20; at++) await (await begin(`other ${at}`)).leave()
    assert.deepEqual(over, [])
    assert.ok(kept.stream.untaken)
    if (kept === reads) kept.socket.resume()
    else kept.socket.destroy()
    await inTime(waiting, 'it is taken, or nobody is there')
    assert.equal(kept.stream.untaken, false)
  }
})

test('only the same reach of the same grant, in the same session, finds a stream', async (t) => {
  const { all, visit } = await openStreams(t)
  const of = { caller: { grantId: 'g', key: 'g wide' } as Caller, envelope: { session: { id: 's' } } as Envelope }
  const { response, socket } = await visit()
  let heard = ''
  socket.on('data', (part: Buffer) => (heard += part.toString('latin1')))
  all.open({ ...of, onGone: () => undefined }).begin(response)
  const idIn = () => /^id: (.*)$/m.exec(heard)?.[1]
  await until(() => idIn() !== undefined, 'it has begun')
  assert.ok(all.find({ key: 'g wide' }, { id: 's' }, idIn()))
  assert.equal(all.find({ key: 'g narrow' }, { id: 's' }, idIn()), undefined)
  assert.equal(all.find({ key: 'g wide' }, { id: 'another' }, idIn()), undefined)
})

test('of the request no more is kept than its answer says, and what the right needs is counted', async (t) => {
  const { all, visit } = await openStreams(t)
  const open = async () => {
    const { response, socket } = await visit()
    const envelope = { era: 'legacy', id: 7, session: { id: 's' }, params: { arguments: kibibyte } }
    const caller = { grantId: 'g', key: 'g' } as Caller
    const stream = all.open({ caller, envelope: envelope as unknown as Envelope, onGone: () => undefined })
    stream.keepWhile(() => Promise.resolve(true), 4 * 1024 * 1024)
    stream.begin(response)
    return { stream, socket }
  }
  const streams = []
  for (let at = 0; at < 20; at++) streams.push((await open()).stream)
  assert.deepEqual(streams[0]!.envelope, { era: 'legacy', id: 7 })
  assert.equal(all.size, 16)
  for (const stream of streams) stream.destroy()
  assert.equal(all.size, 0)
  await open()
  assert.equal(all.size, 1)
})
