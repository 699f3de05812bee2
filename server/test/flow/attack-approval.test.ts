import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { openFakeMcpServer, type FakeMcpServer } from '../fake/mcp-server.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import { linkOf, textOf, type Agent, type Answer } from '../agent.ts'
import { openHouse, type House } from '../house.ts'
import type { Person } from '../person.ts'

interface Stand {
  house: House
  upstream: FakeMcpServer
  /** Who asks, with a client. */
  ana: Person
  agent: Agent
  /** Who may approve, and may not call. */
  bo: Person
}

const properties = { id: { type: 'string' }, text: { type: 'string' }, count: { type: 'number' }, other: {} }
const inputSchema = { type: 'object', properties }

async function stand(t: TestContext): Promise<Stand> {
  const upstream = await openFakeMcpServer({
    tools: [toolNamed('delete_asset', { inputSchema }), toolNamed('delete_other', { inputSchema })],
  })
  t.after(() => upstream.close())
  const house = await openHouse(t, { reach: [upstream.url] })
  await house.httpUpstream('mux', upstream.url, {
    effects: { delete_asset: 'destructive', delete_other: 'destructive' },
  })
  const ana = await house.person('ana', ['mux/*', 'mux/delete_asset:approve'])
  const bo = await house.person('bo', ['mux/delete_asset:approve'])
  return { house, upstream, ana, bo, agent: await ana.connect('mux', 'all') }
}

function stateOf(answer: Answer): string {
  const meta = answer.result['_meta'] as Record<string, { state: string }> | undefined
  return (
    meta?.['sallyport/approval']?.state ??
    (answer.error === undefined ? 'passed' : String(answer.error.data?.['fault']))
  )
}

async function approved(here: Stand, args: Record<string, unknown>, agent = here.agent): Promise<string> {
  const url = linkOf(await agent.call('delete_asset', args))
  assert.equal((await here.bo.answer(url, true)).status, 200)
  return url
}

const changes = async ({ rooms }: House, what: string): Promise<number> =>
  (await rooms.ledger.listEntries({ limit: 1_000 })).filter(
    ({ entry }) => entry.kind === 'change' && entry.what === what,
  ).length

test('no other bytes, tool, client or person pass with an approval', async (t) => {
  const here = await stand(t)
  const { agent, ana, house, upstream } = here
  await approved(here, { id: 'a1', text: 'caf\u00e9', count: 1 })
  const others: Record<string, unknown>[] = [
    { id: 'a2', text: 'caf\u00e9', count: 1 },
    { id: 'a1', text: 'cafe\u0301', count: 1 },
    { id: 'a1', text: 'caf\u00e9 ', count: 1 },
    { id: 'a1', text: 'caf\u00e9\u200b', count: 1 },
    { id: 'a1', text: 'Caf\u00e9', count: 1 },
    { id: 'a1', text: 'caf\u00e9', count: 2 },
    { id: 'a1', text: 'caf\u00e9', count: '1' },
    { id: 'a1', text: 'caf\u00e9', count: [1] },
    { id: 'a1', text: 'caf\u00e9', count: null },
    { id: 'a1', text: 'caf\u00e9' },
    { id: 'a1', text: 'caf\u00e9', count: 1, other: null },
    { id: 'a1', text: 'caf\u00e9', count: 1, other: {} },
    {},
  ]
  for (const args of others)
    assert.equal(stateOf(await agent.call('delete_asset', args)), 'pending', JSON.stringify(args))
  const same = { count: 1, id: 'a1', text: 'caf\u00e9' }
  assert.equal(stateOf(await agent.call('delete_other', same)), 'pending')
  assert.equal(stateOf(await (await ana.connect('mux', 'all')).call('delete_asset', same)), 'pending', 'another client')
  const cy = await (await house.person('cy', ['mux/*'])).connect('mux', 'all')
  assert.equal(stateOf(await cy.call('delete_asset', same)), 'pending', 'another person')
  assert.deepEqual(upstream.calls, [])
  // The same value in another order and spelling is the same canonical text: what was shown is what is sent.
  const spelled = '{ "count":1.0, "text":"caf\\u00e9", "id":"\\u0061\\u0031" }'
  const answer = await agent.post(
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_asset","arguments":${spelled}}}`,
  )
  assert.equal(stateOf(answer), 'passed')
  assert.deepEqual(upstream.calls, [{ name: 'delete_asset', arguments: same }])
})

test('an approved call that is made fifty times at once is made once', async (t) => {
  const here = await stand(t)
  await approved(here, { id: 'a1' })
  const answers = await Promise.all(Array.from({ length: 50 }, () => here.agent.call('delete_asset', { id: 'a1' })))
  const states = answers.map(stateOf)
  assert.equal(states.filter((state) => state === 'passed').length, 1)
  assert.ok(
    states.every((state) => ['passed', 'pending', 'approval.spent'].includes(state)),
    states.join(),
  )
  assert.equal(here.upstream.calls.length, 1)
  assert.equal(stateOf(await here.agent.call('delete_asset', { id: 'a1' })), 'pending')
})

test('nothing in a call makes it approved', async (t) => {
  const { house, agent, bo, upstream } = await stand(t)
  const args = { id: 'a1' }
  const url = linkOf(await agent.call('delete_asset', args))
  const id = url.split('/').at(-1)!
  const claim = { id, state: 'approved', answeredBy: bo.principal.id }
  const meta = { 'sallyport/approval': claim, approved: true, approvalId: id }
  assert.equal(
    stateOf(await agent.rpc('tools/call', { name: 'delete_asset', arguments: args, _meta: meta })),
    'pending',
  )
  for (const more of [{ approval: claim }, { approvalId: id }, { approved: true }, { confirm: true }]) {
    const answer = await agent.rpc('tools/call', { name: 'delete_asset', arguments: args, ...more })
    assert.equal(answer.status, 400, JSON.stringify(more))
  }
  const elicited = { 'sallyport-approval': { action: 'accept', content: { approved: true } } }
  const modern = { name: 'delete_asset', arguments: args }
  const capabilities = { elicitation: { url: {} } }
  assert.equal(
    stateOf(await agent.modern('tools/call', { ...modern, inputResponses: elicited }, capabilities)),
    'pending',
  )
  for (const more of [{ requestState: 'x' }, { inputResponses: { ...elicited, more: {} } }, { inputResponses: [] }]) {
    assert.notEqual(
      stateOf(await agent.modern('tools/call', { ...modern, ...more }, capabilities)),
      'passed',
      JSON.stringify(more),
    )
  }
  const headers = { 'x-approval-id': id, 'mcp-param-approved': 'true', 'x-sallyport-approval': id }
  assert.equal(stateOf(await agent.rpc('tools/call', modern, { headers })), 'pending')
  assert.deepEqual(upstream.calls, [])
  assert.equal(await changes(house, 'approval.approved'), 0)
})

test('who asked does not approve, whatever rights, clients and browsers are used', async (t) => {
  const { house, ana, agent, upstream } = await stand(t)
  const url = linkOf(await agent.call('delete_asset', { id: 'a1' }))
  const path = new URL(url).pathname
  const own = await ana.browser.open(url)
  assert.doesNotMatch(own.text, /value="approve"/)
  // The form that the page does not offer, sent all the same with the token of another page.
  const grants = await ana.browser.open('/grants')
  const csrf = /name="csrf" value="([^"]+)"/.exec(grants.text)?.[1] ?? ''
  const headers = {
    cookie: `sallyport=${ana.browser.cookie('sallyport')}`,
    'sec-fetch-site': 'same-origin',
    origin: house.origin,
  }
  const body = new URLSearchParams({ csrf, answer: 'approve', reason: 'I say so' })
  const forced = await fetch(`${house.origin}${path}/answer`, { method: 'POST', headers, body, redirect: 'manual' })
  assert.equal(forced.status, 403)
  const { key } = await house.rooms.identity.makeOperatorKey({ principal: ana.principal, label: 'cli' })
  const byKey = await fetch(`${house.origin}/api/v1${path}/answer`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ answer: 'approve', reason: 'I say so' }),
  })
  assert.ok(byKey.status === 403 || byKey.status === 400, String(byKey.status))
  assert.equal(stateOf(await agent.call('delete_asset', { id: 'a1' })), 'pending')
  assert.deepEqual(upstream.calls, [])
})

test('the link of an approval opens nothing to who may not decide, and tells no one that it is there', async (t) => {
  const { house, agent, bo } = await stand(t)
  const url = linkOf(await agent.call('delete_asset', { id: 'a1', text: 'the-canary' }))
  const stranger = await house.person('cy', ['mux/*'])
  const other = await house.person('di', ['mux/delete_other:approve'])
  for (const person of [stranger, other]) {
    const [seen, made] = [await person.browser.open(url), await person.browser.open('/approvals/made-up')]
    assert.deepEqual([seen.status, made.status], [404, 404])
    assert.doesNotMatch(seen.text, /canary|delete_asset|ana/)
    const list = await person.browser.open('/approvals')
    assert.doesNotMatch(list.text, /canary|delete_asset/)
  }
  const nobody = await house.browser().open(url, ({ pathname }) => pathname === '/sign-in')
  assert.equal(nobody.url.pathname, '/sign-in')
  assert.match((await bo.browser.open(url)).text, /the-canary/)
})

test('an answer that another site sends is none', async (t) => {
  const { house, agent, bo } = await stand(t)
  const url = linkOf(await agent.call('delete_asset', { id: 'a1' }))
  const page = await bo.browser.open(url)
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)![1]!
  const cookie = `sallyport=${bo.browser.cookie('sallyport')}`
  const send = (headers: Record<string, string>, fields: Record<string, string>) =>
    fetch(`${url}/answer`, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie, ...headers },
      body: new URLSearchParams({ answer: 'approve', reason: 'looked at it', ...fields }),
    })
  const ours = { origin: house.origin, 'sec-fetch-site': 'same-origin' }
  for (const [headers, fields] of [
    [{ ...ours, 'sec-fetch-site': 'cross-site' }, { csrf }],
    [{ ...ours, 'sec-fetch-site': 'same-site' }, { csrf }],
    [{ ...ours, origin: 'https://evil.example' }, { csrf }],
    [{ origin: 'null' }, { csrf }],
    [{}, { csrf }],
    [ours, {}],
    [ours, { csrf: 'x' }],
  ] as [Record<string, string>, Record<string, string>][]) {
    assert.equal((await send(headers, fields)).status, 403, JSON.stringify([headers, fields]))
  }
  const asked = await fetch(`${url}/answer?answer=approve&reason=looked&csrf=${csrf}`, {
    headers: { cookie },
    redirect: 'manual',
  })
  assert.equal(asked.status, 404)
  assert.equal(stateOf(await agent.call('delete_asset', { id: 'a1' })), 'pending')
  for (const [name, value] of [
    ['x-frame-options', 'DENY'],
    ['cache-control', 'no-store'],
  ])
    assert.equal(page.headers.get(name!), value)
  assert.match(page.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/)
  assert.equal((await send(ours, { csrf })).status, 303)
})

test('approve and deny at once leave one answer, and a denied call stays denied', async (t) => {
  const { house, agent, bo } = await stand(t)
  const cy = await house.person('cy', ['mux/delete_asset:approve'])
  for (let round = 0; round < 4; round++) {
    const args = { id: `a${round}` }
    const url = linkOf(await agent.call('delete_asset', args))
    const pages = await Promise.all([bo, cy].map((person) => person.browser.open(url)))
    const answers = await Promise.all([
      bo.browser.submit(pages[0]!, { reason: 'yes, do it', answer: 'approve' }),
      cy.browser.submit(pages[1]!, { reason: 'no, never', answer: 'deny' }),
    ])
    assert.deepEqual(
      answers.map(({ status }) => status).sort((a, b) => a - b),
      [200, 409],
    )
    const state = stateOf(await agent.call('delete_asset', args))
    assert.equal(state, answers[0].status === 200 ? 'passed' : 'denied')
  }
  assert.equal((await changes(house, 'approval.approved')) + (await changes(house, 'approval.denied')), 4)
})

test('whatever ends between the approval and the call ends the approval', async (t) => {
  const here = await stand(t)
  const { house, upstream, ana, bo } = here
  const { inventory, oauth, identity } = house.rooms
  const [by, reason] = ['set-up', 'for a test']
  const ends: [name: string, end: (agent: Agent) => Promise<unknown>, mend: () => Promise<unknown>][] = [
    ['the grant', (agent) => oauth.revokeGrant({ by, id: agent.grantId, reason }), async () => undefined],
    ['the client', (agent) => oauth.revokeClient({ by, id: agent.client, reason }), async () => undefined],
    [
      'the tool',
      () => inventory.withdrawTool({ by, upstream: 'mux', tool: 'delete_asset', reason }),
      async () => {
        const { live } = (await inventory.findToolDetail('mux', 'delete_asset'))!
        const digest = (await inventory.findToolDetail('mux', 'delete_asset'))!.tool.liveDigest!
        assert.ok(live)
        await inventory.pinTools({ by, upstream: 'mux', digests: { delete_asset: digest }, reason })
      },
    ],
    [
      'the upstream',
      () => inventory.stepUpstream({ by, name: 'mux', to: 'suspended', reason }),
      () => inventory.stepUpstream({ by, name: 'mux', to: 'approved', reason }),
    ],
    [
      'the right of who approved',
      async () => {
        const [right] = await inventory.listEntitlements({
          principalId: bo.principal.id,
          right: 'approve',
          upstream: 'mux',
        })
        await inventory.revokeEntitlement({ by, id: right!.id, reason })
      },
      () =>
        inventory.entitle({
          by,
          principalId: bo.principal.id,
          right: 'approve',
          upstream: 'mux',
          tools: ['delete_asset'],
          reason,
        }),
    ],
    [
      'who approved',
      () => identity.disablePrincipal({ by, id: bo.principal.id, reason }),
      () => identity.enablePrincipal({ by, id: bo.principal.id, reason }),
    ],
  ]
  // Somebody must be able to administer while the others go.
  await house.person('root', ['administer'])
  for (const [name, end, mend] of ends) {
    const agent = await ana.connect('mux', 'all')
    const args = { id: name.replaceAll(' ', '_') }
    await approved(here, args, agent)
    await end(agent)
    const answer = await agent.call('delete_asset', args)
    assert.notEqual(stateOf(answer), 'passed', name)
    await mend()
  }
  assert.deepEqual(upstream.calls, [])
})

test('a definition that changes after the approval withholds the call, though the arguments are the same', async (t) => {
  const here = await stand(t)
  await approved(here, { id: 'a1' })
  Object.assign(here.upstream.tools[0]!, { description: 'Deletes everything there is.' })
  const { inventory, gateway } = here.house.rooms
  await gateway.look((await inventory.findUpstream('mux'))!)
  const drifted = await here.agent.call('delete_asset', { id: 'a1' })
  assert.deepEqual([drifted.status, drifted.error?.data?.['reason']], [403, 'tool.drifted'])
  const { tool } = (await inventory.findToolDetail('mux', 'delete_asset'))!
  const digests = { delete_asset: tool.liveDigest! }
  await inventory.pinTools({ by: 'set-up', upstream: 'mux', digests, reason: 'looked at it' })
  const chosen = await here.agent.call('delete_asset', { id: 'a1' })
  assert.equal(chosen.error?.data?.['reason'], 'grant.definition_changed')
  const again = await here.ana.connect('mux', 'all')
  assert.equal(stateOf(await again.call('delete_asset', { id: 'a1' })), 'pending')
  assert.deepEqual(here.upstream.calls, [])
})

test('approvers are asked a bounded number of times, and the same call asks once', async (t) => {
  const { house, agent, bo } = await stand(t)
  await Promise.all(Array.from({ length: 10 }, () => agent.call('delete_asset', { id: 'same' })))
  assert.equal(await changes(house, 'approval.requested'), 1)
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, at) => agent.call('delete_asset', { id: `flood-${at}` })),
  )
  const states = answers.map(stateOf)
  assert.equal(states.filter((state) => state === 'pending').length, 19)
  assert.equal(states.filter((state) => state === 'approval.too_many').length, 21)
  assert.match((await bo.browser.open('/approvals')).text, /20/)
  const entries = (await house.rooms.ledger.listEntries({ limit: 1_000 })).map(({ entry }) => entry)
  const tooMany = entries.filter((entry) => entry.kind === 'denial' && entry.reason === 'approval.too_many')
  assert.equal(tooMany.length, 21, 'what was not even asked is denied, and recorded')
})

test('what is shown to who decides is the bytes, with nothing hidden and nothing obeyed', async (t) => {
  const { agent, bo } = await stand(t)
  const hostile = {
    id: 'a1',
    text: '</pre><script>alert(1)</script><img src=x onerror=alert(2)> \u202e\u2066txt.exe\u200b\u{e0041}',
    other: { '"><b>': ' padded ', long: `${'x'.repeat(5_000)}THE-END` },
  }
  const held = await agent.call('delete_asset', hostile)
  const { text } = await bo.browser.open(linkOf(held))
  assert.doesNotMatch(text, /<script|<img|<b>|\u202e|\u2066|\u200b|\u{e0041}/u)
  for (const shown of ['⟨U+202E⟩', '⟨U+2066⟩', '⟨U+200B⟩', '⟨U+E0041⟩', '&lt;script&gt;', ' padded ', 'xTHE-END']) {
    assert.ok(unmarked(text).includes(shown), shown)
  }
  assert.match(textOf(held), /delete_asset/)
})

// Characters that are not plain stand in marks of their own.
function unmarked(page: string): string {
  return page.replaceAll(/<\/?(?:mark|span)\b[^>]*>/g, '')
}
