import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeEvent, readEvents, type ServerEvent } from './event-stream.ts'

async function* chunksOf(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!
    yield bytes.subarray(at, at + size)
    at += size
  }
}

async function read(text: string, sizes: readonly number[] = [1e6], bytesMax?: number): Promise<ServerEvent[]> {
  const events: ServerEvent[] = []
  for await (const event of readEvents(chunksOf(Buffer.from(text), sizes), bytesMax)) events.push(event)
  return events
}

test('events are read whatever their line ends and wherever the chunks are cut', async () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const text = [': hello', 'event: message', 'data: {"a":', 'data:"ü😀"}', 'id: 4', '', 'data: two', '', ''].join(end)
    for (const size of [1, 2, 3, 7, 1_000]) {
      assert.deepEqual(await read(text, [size]), [
        { event: 'message', data: '{"a":\n"ü😀"}', id: '4' },
        { event: '', data: 'two' },
      ])
    }
  }
})

test('an event is there as soon as its empty line is, even if that ends in a CR', async () => {
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('data: first\r\r')
    throw new Error('nobody asked for more')
  }
  const { value } = await readEvents(slow()).next()
  assert.deepEqual(value, { event: '', data: 'first' })
})

test('where a stream is, and how long to wait, is told; what could not go back in a header is not', async () => {
  assert.deepEqual(await read('id: 7\nretry: 500\n\nid: a b\nretry: soon\ndata: x\n\nid: ü\n\n'), [
    { event: '', data: '', id: '7', retry: 500 },
    { event: '', data: 'x' },
  ])
})

test('an event that was cut off is dropped, and so is one without data', async () => {
  assert.deepEqual(await read('event: ping\n\ndata: whole\n\ndata: cut'), [{ event: '', data: 'whole' }])
})

test('an event that grows beyond the bound is refused, in one line or in many', async () => {
  await assert.rejects(read(`data: ${'x'.repeat(200)}\n\n`, [10], 100), { code: 'gateway.upstream_bad_reply' })
  await assert.rejects(read('data: 0123456789\n'.repeat(20), [10], 100), { code: 'gateway.upstream_bad_reply' })
  assert.equal((await read('data: 0123456789\n\n'.repeat(50), [10], 100)).length, 50)
})

test('whatever text is encoded, it is read back as one event and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'grapheme' }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      async (text, sizes) => {
        const events = await read(encodeEvent(`${text}\nevent: forged\r\r\ndata: forged`), sizes)
        const expected = `${text}\nevent: forged\r\r\ndata: forged`.replaceAll(/\r\n|\r/g, '\n')
        assert.deepEqual(events, [{ event: 'message', data: Buffer.from(expected).toString() }])
      },
    ),
  )
})
