import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lost } from './answer.ts'
import type { HttpAnswer } from './http-exchange.ts'
import { resumedEvents } from './http-resume.ts'

/** An answer whose stream says this, and then ends or breaks. */
function answerOf(text: string, end?: Error): HttpAnswer {
  async function* chunks(): AsyncGenerator<Buffer> {
    yield Buffer.from(text)
    if (end !== undefined) throw end
  }
  const rest = {
    whole: undefined,
    sessionId: undefined,
    challenge: undefined,
    nonce: undefined,
    finish: () => undefined,
  }
  return { status: 200, mediaType: 'text/event-stream', chunks: chunks(), ...rest }
}

async function read(first: HttpAnswer, later: (HttpAnswer | undefined)[], legacy = true) {
  const asked: string[] = []
  const again = async (id: string) => {
    asked.push(id)
    return later.shift()
  }
  const said: string[] = []
  const events = resumedEvents(first, legacy ? again : undefined, new AbortController().signal)
  for await (const { event } of events) if (event.data !== '') said.push(event.data)
  return { asked, said }
}

const first = 'retry: 1\nid: 1\ndata: one\n\n'

test('a stream that was closed is taken up after the last event that came', async () => {
  const found = await read(answerOf(first), [answerOf('id: 2\n\n'), answerOf('id: 3\ndata: two\n\n'), undefined])
  assert.deepEqual(found, { asked: ['1', '2', '3'], said: ['one', 'two'] })
})

test('so is one that broke, where its events have numbers, and no other', async () => {
  const broken = lost('suite', 'cut')
  assert.deepEqual((await read(answerOf(first, broken), [undefined])).asked, ['1'])
  await assert.rejects(read(answerOf('data: one\n\n', broken), []), { code: 'gateway.upstream_lost' })
  assert.deepEqual((await read(answerOf('data: one\n\n'), [])).asked, [])
})

test('in the modern era nothing is taken up', async () => {
  assert.deepEqual(await read(answerOf(first), [], false), { asked: [], said: ['one'] })
  await assert.rejects(read(answerOf(first, lost('suite', 'cut')), [], false), { code: 'gateway.upstream_lost' })
})

test('who closes stream after stream and says nothing is not asked for ever', async () => {
  const silent = Array.from({ length: 20 }, () => answerOf(''))
  assert.equal((await read(answerOf(first), silent)).asked.length, 5)
})
