import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkOf, textOf, type Agent, type Answer } from '../agent.ts'
import { EventReader } from '../event-reader.ts'
import { until } from '../patience.ts'
import { connectAll, openFakeHouse, type FakeHouse } from '../fake-house.ts'
import { openKindHouse } from '../kind-house.ts'

// What an upstream asks in the middle of a call reaches exactly the client of that call, whatever era either speaks.

const declared = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} }
const eras = ['legacy', 'modern'] as const
const kinds = {
  ask_form: { method: 'elicitation/create', answer: { action: 'accept', content: { name: 'Ana' } } },
  ask_url: { method: 'elicitation/create', answer: { action: 'accept' } },
  ask_sampling: {
    method: 'sampling/createMessage',
    answer: { role: 'assistant', content: { type: 'text', text: 'hm' }, model: 'm' },
  },
  ask_roots: { method: 'roots/list', answer: { roots: [{ uri: 'file:///a' }] } },
}

async function begin(agent: Agent, capabilities: object = declared): Promise<Record<string, string>> {
  const params = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'a script', version: '1' } }
  const { headers } = await agent.rpc('initialize', params)
  return { 'mcp-session-id': headers.get('mcp-session-id')!, 'mcp-protocol-version': '2025-11-25' }
}

function callOf(name: string, more: object = {}): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 'call', method: 'tools/call', params: { name, arguments: {}, ...more } })
}

/** A legacy call up to the question. */
async function askedOn(agent: Agent, name: string, headers: Record<string, string>) {
  const stream = await EventReader.open(agent, { body: callOf(name), headers })
  const question = await stream.next()
  return {
    stream,
    question,
    respond: (answer: object, by = agent, within = headers) => reply(by, within, { id: question.id, ...answer }),
  }
}

async function reply(agent: Agent, headers: Record<string, string>, message: object): Promise<void> {
  assert.equal((await agent.post(JSON.stringify({ jsonrpc: '2.0', ...message }), { headers })).status, 202)
}

interface Asked {
  key: string
  question: { method: string; params: Record<string, unknown> }
  requestState: string
}

function askedBy(answer: Answer): Asked {
  assert.equal(answer.result['resultType'], 'input_required', JSON.stringify(answer.message))
  const [key, question] = Object.entries(answer.result['inputRequests'] as Record<string, Asked['question']>)[0]!
  return { key, question, requestState: answer.result['requestState'] as string }
}

function retry(agent: Agent, { name, key, requestState }: Asked & { name: string }, answer: object): Promise<Answer> {
  const params = { name, arguments: {}, requestState, inputResponses: { [key]: answer } }
  return agent.modern('tools/call', params, declared)
}

function lastCall({ fake }: FakeHouse) {
  return fake.journal.findLast(({ message }) => message?.method === 'tools/call')!.message!
}

function toolCalls({ fake }: FakeHouse, name: string): number {
  return fake.calls.filter((call) => call.name === name).length
}

for (const era of eras) {
  for (const sessions of era === 'legacy' ? [false, true] : [false]) {
    const upstream = `a ${era} upstream${sessions ? ' with sessions' : ''}`
    for (const [name, { method, answer }] of Object.entries(kinds)) {
      test(`${upstream} asks a legacy client (${name}), and gets its answer`, async (t) => {
        const here = await openFakeHouse(t, { fake: { era, sessions } })
        const { agent } = await connectAll(here.house)
        const { stream, question, respond } = await askedOn(agent, name, await begin(agent))
        assert.equal(question.method, method)
        assert.match(String(question.id), /^[\w-]{43}$/, 'nobody can guess under which id it was asked')
        if (name === 'ask_url') assert.equal(question.params?.['url'], 'https://pay.example/1')
        await respond({ result: answer })
        const last = await stream.next()
        assert.equal(last.id, 'call')
        assert.deepEqual(JSON.parse((last.result!['content'] as [{ text: string }])[0].text), answer)
        assert.equal(await stream.ended, 'ended')
        const made = ['intent ' + name, 'outcome success']
        assert.deepEqual(await here.story(), era === 'legacy' ? made : [...made, ...made])
      })

      test(`${upstream} asks a modern client (${name}), and gets its answer`, async (t) => {
        const here = await openFakeHouse(t, { fake: { era, sessions } })
        const { agent } = await connectAll(here.house)
        const asked = askedBy(await agent.modern('tools/call', { name, arguments: {} }, declared))
        assert.equal(asked.question.method, method)
        assert.doesNotMatch(asked.requestState, /state of the upstream/)
        const done = await retry(agent, { ...asked, name }, answer)
        assert.equal(done.result['resultType'], 'complete', JSON.stringify(done.message))
        assert.deepEqual(JSON.parse(textOf(done)), answer)
        const made = ['intent ' + name, 'outcome success']
        assert.deepEqual(await here.story(), era === 'legacy' ? made : [...made, ...made])
        assert.equal(toolCalls(here, name), era === 'legacy' ? 1 : 2)
        if (era === 'modern') assert.equal(lastCall(here).params?.['requestState'], 'state of the upstream')
      })
    }
  }

  test(`a ${era} upstream may ask only for what the client declared`, async (t) => {
    const { house } = await openFakeHouse(t, { fake: { era } })
    const { agent } = await connectAll(house)
    const headers = await begin(agent, { sampling: {}, elicitation: { url: {} } })
    const stream = await EventReader.open(agent, { body: callOf('ask_form'), headers })
    await stream.ended
    assert.equal(stream.messages.length, 1)
    assert.match(JSON.stringify(stream.messages), /did not declare `elicitation.form`/)
    const answer = await agent.modern('tools/call', { name: 'ask_roots', arguments: {} }, { sampling: {} })
    assert.match(JSON.stringify(answer.message), /did not declare `roots`/)
    assert.equal(answer.result['inputRequests'], undefined)
  })
}

const secretFields: Record<string, object> = {
  'by its name': { user: { type: 'string' }, dbPassword: { type: 'string', title: 'How to get in' } },
  'by the title that is shown': { x: { type: 'string', title: 'API key' } },
  'as a number': { pin: { type: 'integer' } },
}

for (const era of eras) {
  for (const [how, fields] of Object.entries(secretFields)) {
    test(`a form of a ${era} upstream that asks for a secret (${how}) is shown to nobody`, async (t) => {
      const { house } = await openFakeHouse(t, { fake: { era } })
      const { agent } = await connectAll(house)
      const more = { arguments: { fields } }
      const stream = await EventReader.open(agent, { body: callOf('ask_form', more), headers: await begin(agent) })
      await stream.ended
      assert.deepEqual(
        stream.messages.map(({ id }) => id),
        ['call'],
        'the answer to the call alone',
      )
      assert.match(JSON.stringify(stream.messages), /a form may not ask for a secret/)
      const answer = await agent.modern('tools/call', { name: 'ask_form', ...more }, declared)
      assert.match(JSON.stringify(answer.message), /a form may not ask for a secret/)
      assert.equal(answer.result['inputRequests'], undefined)
    })
  }

  test(`a form of a ${era} upstream may ask whether, and which, also of secrets`, async (t) => {
    const { house } = await openFakeHouse(t, { fake: { era } })
    const { agent } = await connectAll(house)
    const fields = {
      rotate_password: { type: 'boolean' },
      token: { type: 'string', enum: ['mine', 'ours'] },
      max_tokens: { type: 'integer' },
    }
    const params = { name: 'ask_form', arguments: { fields } }
    const { question } = askedBy(await agent.modern('tools/call', params, declared))
    assert.deepEqual((question.params['requestedSchema'] as { properties: object }).properties, fields)
  })
}

test('only who was asked can answer; what nobody asked, or somebody else, is dropped', async (t) => {
  const here = await openFakeHouse(t, { fake: { sessions: true } })
  const { agent, person } = await connectAll(here.house)
  const other = await person.connect('desk', 'all')
  const within = await begin(agent)
  const { stream, question, respond } = await askedOn(agent, 'ask_form', within)
  const forged = { id: question.id, result: { action: 'accept', content: { name: 'forged' } } }
  await reply(other, await begin(other), forged)
  await reply(agent, await begin(agent), forged)
  await reply(agent, {}, forged)
  await reply(agent, within, { ...forged, id: 'server-1' })
  assert.equal(stream.messages.length, 1)
  await respond({ error: { code: -1, message: 'no, thank you' } })
  const last = await stream.next()
  assert.match(JSON.stringify(last.result), /no, thank you/)
  await reply(agent, within, forged)
  assert.equal(toolCalls(here, 'ask_form'), 1)
  const answers = here.fake.journal.filter(({ message }) => message?.method === undefined && message?.id !== undefined)
  assert.equal(answers.length, 1, 'the upstream got one answer')
})

test('a state is good for the same grant, the same arguments and an hour', async (t) => {
  const here = await openFakeHouse(t, { fake: { era: 'modern' } })
  const { agent, person } = await connectAll(here.house)
  const other = await person.connect('desk', 'all')
  const asked = askedBy(await agent.modern('tools/call', { name: 'ask_form', arguments: {} }, declared))
  const { answer } = kinds.ask_form
  const refused = (given: Answer) => {
    assert.equal(given.status, 400)
    assert.equal(given.error?.code, -32602)
    assert.equal(given.error?.data?.['fault'], 'gateway.state_refused')
  }
  refused(await retry(other, { ...asked, name: 'ask_form' }, answer))
  refused(await retry(agent, { ...asked, name: 'ask_url' }, answer))
  refused(await retry(agent, { ...asked, name: 'ask_form', requestState: `${asked.requestState}-TAMPERED` }, answer))
  refused(await retry(agent, { ...asked, name: 'ask_form', requestState: `${asked.requestState}=` }, answer))
  refused(await retry(agent, { ...asked, name: 'ask_form', requestState: 'state of the upstream' }, answer))
  const params = { name: 'ask_form', arguments: { more: 1 }, requestState: asked.requestState }
  refused(await agent.modern('tools/call', params, declared))
  assert.equal(toolCalls(here, 'ask_form'), 1)
  here.clock.pass(60 * 60_000 + 1)
  await agent.refresh()
  refused(await retry(agent, { ...asked, name: 'ask_form' }, answer))
  assert.equal(toolCalls(here, 'ask_form'), 1)
})

test('a held call is taken up exactly once, whoever comes twice', async (t) => {
  const here = await openFakeHouse(t, { fake: { era: 'legacy' } })
  const { agent, person } = await connectAll(here.house)
  const other = await person.connect('desk', 'all')
  const asked = askedBy(await agent.modern('tools/call', { name: 'ask_form', arguments: {} }, declared))
  const { answer } = kinds.ask_form
  assert.equal(
    (await retry(other, { ...asked, name: 'ask_form' }, answer)).error?.data?.['fault'],
    'gateway.state_refused',
  )
  const both = await Promise.all([1, 2, 3].map(() => retry(agent, { ...asked, name: 'ask_form' }, answer)))
  const done = both.filter((one) => one.status === 200)
  assert.equal(done.length, 1)
  assert.deepEqual(JSON.parse(textOf(done[0]!)), answer)
  for (const late of both.filter((one) => one.status !== 200)) {
    assert.equal(late.status, 409)
    assert.equal(late.error?.data?.['fault'], 'gateway.state_used')
    assert.match(late.error!.message, /outcome unknown: http.*\/calls\//)
  }
  assert.equal(toolCalls(here, 'ask_form'), 1, 'nothing is repeated')
  assert.deepEqual(await here.story(), ['intent ask_form', 'outcome success'])
})

test('who comes back without an answer is asked again, and the call goes on with the next', async (t) => {
  const here = await openFakeHouse(t, { fake: { era: 'legacy' } })
  const { agent } = await connectAll(here.house)
  const asked = askedBy(await agent.modern('tools/call', { name: 'ask_form', arguments: {} }, declared))
  const again = askedBy(await retry(agent, { ...asked, name: 'ask_form', key: 'wrong' }, { action: 'accept' }))
  assert.deepEqual(again.question, asked.question)
  assert.notEqual(again.requestState, asked.requestState)
  const done = await retry(agent, { ...again, name: 'ask_form' }, kinds.ask_form.answer)
  assert.deepEqual(JSON.parse(textOf(done)), kinds.ask_form.answer)
  assert.equal(toolCalls(here, 'ask_form'), 1)
})

test('a withdrawn right cuts a held call and the question on a stream, and nobody goes on', async (t) => {
  const here = await openFakeHouse(t, { fake: { era: 'legacy', sessions: true } })
  const { agent } = await connectAll(here.house)
  const { agent: older } = await connectAll(here.house, 'bo')
  const asked = askedBy(await agent.modern('tools/call', { name: 'ask_form', arguments: {} }, declared))
  const { stream, respond } = await askedOn(older, 'ask_form', await begin(older))
  for (const { grantId } of [agent, older])
    await here.house.rooms.oauth.revokeGrant({ by: 'set-up', id: grantId, reason: 'for a test' })
  await stream.ended
  const late = await retry(agent, { ...asked, name: 'ask_form' }, kinds.ask_form.answer)
  assert.equal(late.status, 401)
  await assert.rejects(respond({ result: kinds.ask_form.answer }))
  await until(async () => (await here.story()).length === 4, 'both outcomes are recorded')
  assert.deepEqual((await here.story()).slice(2), ['outcome unknown', 'outcome unknown'])
  const answered = here.fake.journal.filter(({ message }) => message?.result !== undefined)
  assert.deepEqual(answered, [], 'no answer reached the upstream')
})

test('a call that somebody approved asks nothing: what the approver did not see does not steer it', async (t) => {
  const here = await openFakeHouse(t, { fake: { era: 'legacy' }, house: {} })
  const { inventory } = here.house.rooms
  const owner = (await inventory.findUpstream('desk'))!.ownerId!
  await inventory.setEffect({
    by: owner,
    upstream: 'desk',
    tool: 'ask_form',
    effect: 'destructive',
    traits: [],
    reason: 'for a test',
  })
  const bo = await here.house.person('bo', ['desk/ask_form:approve'])
  const { agent } = await connectAll(here.house)
  const link = linkOf(
    await agent.rpc('tools/call', { name: 'ask_form', arguments: {} }, { headers: await begin(agent) }),
  )
  await bo.answer(link, true)
  const stream = await EventReader.open(agent, { body: callOf('ask_form'), headers: await begin(agent) })
  await stream.ended
  assert.match(JSON.stringify(stream.messages), /method not found/)
})

test('a state that this gateway did not seal reaches no upstream, in whatever revision it is sent', async (t) => {
  const here = await openFakeHouse(t, { fake: { era: 'modern' } })
  const { agent } = await connectAll(here.house)
  const params = { name: 'ask_form', arguments: {} }
  for (const more of [{ requestState: 'state of the upstream' }, { inputResponses: { q1: kinds.ask_form.answer } }]) {
    const refused = await agent.rpc('tools/call', { ...params, ...more })
    assert.equal(refused.error?.data?.['fault'], 'gateway.bad_params')
  }
  const refused = await agent.modern('tools/call', { ...params, requestState: 'state of the upstream' }, declared)
  assert.equal(refused.error?.data?.['fault'], 'gateway.state_refused')
  assert.deepEqual([toolCalls(here, 'ask_form'), await here.story()], [0, []])
})

test('a modern client is asked what was judged, and nothing that another reader of the answer could find in it', async (t) => {
  const here = await openFakeHouse(t, { fake: { era: 'modern' } })
  const { agent } = await connectAll(here.house)
  here.fake.options.intercept = ({ message }, response) => {
    if (message?.method !== 'tools/call') return false
    const ask = (method: string) => `{"q":{"method":"sampling/createMessage","method":"${method}","params":{}}}`
    const result = `{"resultType":"input_required","inputRequests":${ask('roots/list')},"inputRequests":${ask('elicitation/create')}}`
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(`{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":${result}}`)
    return true
  }
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
  }
  const answer = await fetch(agent.resource, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${agent.tokens.access_token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'ask_form',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'ask_form', arguments: {}, _meta: meta },
    }),
  })
  const text = await answer.text()
  assert.match(text, /"inputRequests":\{"q":\{"method":"elicitation\/create","params":\{\}\}\}/)
  assert.doesNotMatch(text, /sampling|roots/)
})

for (const kind of ['http, legacy', 'sse', 'stdio, per principal'] as const) {
  test(`how far a client is with its answer is heard by the upstream that asked (${kind})`, async (t) => {
    const { house, heard } = await openKindHouse(t, kind)
    const { agent, person } = await connectAll(house)
    const other = await person.connect('desk', 'all')
    const within = await begin(agent)
    const { stream, question, respond } = await askedOn(agent, 'ask_client', within)
    const token = question.params?._meta?.['progressToken']
    assert.equal(token, question.id, 'its token is nobody’s to guess')
    const tell = (by: Agent, session: Record<string, string>, progress: number) =>
      reply(by, session, { method: 'notifications/progress', params: { progressToken: token, progress } })
    await tell(other, await begin(other), 9)
    await tell(agent, await begin(agent), 8)
    await tell(agent, within, 1)
    const told = () => heard().flatMap(({ method, params }) => (method === 'notifications/progress' ? [params] : []))
    await until(() => told().length > 0, 'the upstream hears of it')
    assert.deepEqual(told(), [{ progressToken: 'mine', progress: 1 }])
    await respond({ result: kinds.ask_sampling.answer })
    assert.equal((await stream.next()).id, 'call')
    await tell(agent, within, 2)
    assert.equal(told().length, 1, 'once it is answered nothing more is')
  })
}

test('that its roots have changed is told in the client’s own session with the upstream, and in no other', async (t) => {
  const { house, fake } = await openFakeHouse(t, { fake: { sessions: true } })
  const { agent } = await connectAll(house)
  const { agent: other } = await connectAll(house, 'bo')
  const roots = { roots: { listChanged: true } }
  const [within, elsewhere, unused] = [await begin(agent, roots), await begin(other, roots), await begin(agent, roots)]
  const sessionOf = async (by: Agent, headers: Record<string, string>) => {
    await by.rpc('tools/call', { name: 'read_note', arguments: {} }, { headers })
    return fake.journal.findLast(({ message }) => message?.method === 'tools/call')!.headers['mcp-session-id']
  }
  const mine = await sessionOf(agent, within)
  assert.notEqual(mine, await sessionOf(other, elsewhere))
  const changed = { method: 'notifications/roots/list_changed' }
  const told = () => fake.journal.filter(({ message }) => message?.method === changed.method)
  await reply(agent, unused, changed)
  await reply(agent, within, changed)
  await until(() => told().length > 0, 'the upstream is told')
  assert.deepEqual(
    told().map(({ headers }) => headers['mcp-session-id']),
    [mine],
  )
})
