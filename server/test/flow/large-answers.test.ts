import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import type { Agent } from '../agent.ts'
import { inTime, until } from '../patience.ts'

// A JSON answer of more than 64 KiB passes as it comes; its last part stays back until the outcome is recorded.

const kilobytes = 100
const begun = `{"jsonrpc":"2.0","id":5,"result":{"content":[{"type":"text","text":"${'x'.repeat(kilobytes * 1024)}`
const ended = '"}]}}'

/** An upstream that begins a large answer, and ends it when the test says how. */
async function openLarge(t: TestContext) {
  const house = await openFakeHouse(t)
  const writing = Promise.withResolvers<ServerResponse>()
  house.fake.options.intercept = (heard, response) => {
    if (heard.message?.method !== 'tools/call') return false
    response.writeHead(200, { 'content-type': 'application/json' }).write(begun)
    writing.resolve(response)
    return true
  }
  const { agent, person } = await connectAll(house.house)
  const answer = ask(agent)
  const upstream = await inTime(writing.promise, 'the upstream is asked')
  const reading = (await answer).body!.getReader()
  const first = await reading.read()
  assert.ok(!first.done && first.value.byteLength > 0, 'the answer begins before its end is known')
  const rest = async (): Promise<string> => {
    const parts = [Buffer.from(first.value)]
    for (;;) {
      const { done, value } = await inTime(reading.read(), 'more of the answer comes, or its end')
      if (done) return Buffer.concat(parts).toString()
      parts.push(Buffer.from(value))
    }
  }
  return { ...house, agent, person, upstream, rest, reading }
}

function ask(agent: Agent): Promise<Response> {
  return fetch(agent.resource, {
    method: 'POST',
    headers: { authorization: `Bearer ${agent.tokens.access_token}`, 'content-type': 'application/json' },
    body: '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"read_note","arguments":{}}}',
  })
}

test('a large answer begins to pass before the upstream has ended it, and passes to the byte', async (t) => {
  const { upstream, rest, story } = await openLarge(t)
  assert.deepEqual(await story(), ['intent read_note'])
  upstream.end(ended)
  assert.equal(await rest(), begun + ended)
  assert.deepEqual(await story(), ['intent read_note', 'outcome success'])
})

for (const [what, end] of [
  ['breaks off', (upstream: ServerResponse) => upstream.destroy()],
  ['ends as something that is no answer', (upstream: ServerResponse) => upstream.end('"}]')],
  ['answers another request', (upstream: ServerResponse) => upstream.end('"}]},"id":6}')],
] as const) {
  test(`a large answer that ${what} is cut off, so that nobody takes it for whole`, async (t) => {
    const { upstream, rest, story } = await openLarge(t)
    end(upstream)
    await assert.rejects(rest())
    assert.deepEqual(await story(), ['intent read_note', 'outcome unknown'])
  })
}

test('a withdrawal cuts a large answer off', async (t) => {
  const { agent, person, rest, story, house } = await openLarge(t)
  const cut = assert.rejects(rest())
  await house.rooms.oauth.revokeGrant({ by: person.principal.id, id: agent.grantId, reason: 'enough' })
  await inTime(cut, 'the answer is cut off')
  await until(async () => (await story()).length === 2, 'the outcome is recorded')
  assert.deepEqual(await story(), ['intent read_note', 'outcome unknown'])
})

test('a client that goes away from a large answer cancels the call', async (t) => {
  const { upstream, reading, story } = await openLarge(t)
  const closed = once(upstream, 'close')
  await reading.cancel()
  await inTime(closed, 'the upstream is left')
  await until(async () => (await story()).length === 2, 'the outcome is recorded')
  assert.deepEqual(await story(), ['intent read_note', 'outcome unknown'])
})
