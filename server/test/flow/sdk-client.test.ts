import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  Client,
  DpopSession,
  StreamableHTTPClientTransport,
  UnauthorizedError,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
  type VersionNegotiationMode,
} from '@modelcontextprotocol/client'
import { importJWK, SignJWT, type JWTPayload } from 'jose'
import { until } from '../patience.ts'
import { redirectUri } from '../browser.ts'
import { openFakeHouse } from '../fake-house.ts'
import { openHouse, type House } from '../house.ts'
import type { Person } from '../person.ts'

// The official client finds its own way: from the 401 to the metadata, registration, consent, tokens, renewal and calls.

const modes: Record<'legacy' | 'modern', VersionNegotiationMode> = { legacy: 'legacy', modern: { pin: '2026-07-28' } }

/** What an application gives the SDK: a place to keep things, and a browser, which here is a signed-in person's. */
class Keeper implements OAuthClientProvider {
  readonly #person: Person
  /** What the person chooses; absent: what the page proposes. */
  tools: string[] | 'all' | undefined
  readonly redirectUrl = redirectUri
  readonly clientMetadata = {
    client_name: 'an SDK client',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }
  /** What came back to the redirect address. */
  callback: URLSearchParams | undefined
  /** How often a person was asked, and tokens were issued. */
  asked = 0
  issued = 0
  /** What was asked for, each time. */
  readonly scopes: string[] = []
  held: StoredOAuthTokens | undefined
  #client: StoredOAuthClientInformation | undefined
  #verifier = ''
  #discovery: OAuthDiscoveryState | undefined

  constructor(person: Person, tools?: string[] | 'all') {
    this.#person = person
    this.tools = tools
  }

  clientInformation(): StoredOAuthClientInformation | undefined {
    return this.#client
  }

  saveClientInformation(client: StoredOAuthClientInformation): void {
    this.#client = client
  }

  tokens(): StoredOAuthTokens | undefined {
    return this.held
  }

  saveTokens(tokens: StoredOAuthTokens): void {
    this.issued++
    this.held = tokens
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier
  }

  codeVerifier(): string {
    return this.#verifier
  }

  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discovery = state
  }

  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#discovery
  }

  invalidateCredentials(what: 'all' | 'client' | 'tokens' | 'verifier' | 'discovery'): void {
    if (what === 'all' || what === 'tokens') this.held = undefined
    if (what === 'all' || what === 'client') this.#client = undefined
    if (what === 'all' || what === 'discovery') this.#discovery = undefined
  }

  async redirectToAuthorization(url: URL): Promise<void> {
    this.asked++
    this.scopes.push(url.searchParams.get('scope') ?? '')
    const page = await this.#person.browser.open(url)
    this.callback = (await this.#person.consent(page, this.tools)).url.searchParams
  }
}

/** An application that proves to hold the key of its tokens. */
class Proving extends Keeper {
  readonly #session = DpopSession.create()

  dpop(): Promise<DpopSession> {
    return this.#session
  }
}

interface Connection {
  client: Client
  keeper: Keeper
  transport: StreamableHTTPClientTransport
  /** Whether the stream of the legacy eras is open. */
  listens: () => boolean
}

interface Wish {
  upstream: string
  era: 'legacy' | 'modern'
  tools?: string[] | 'all'
  /** What an earlier connection kept. */
  keeper?: Keeper
  /** What the application does when it is asked to open an address. */
  onUrl?: (url: string) => Promise<void>
}

/** Connects as an application does: tries, is sent to the browser, finishes, tries again. */
async function connect(house: House, person: Person, wish: Wish): Promise<Connection> {
  const keeper = wish.keeper ?? new Keeper(person, wish.tools)
  const url = new URL(`${house.origin}/mcp/${wish.upstream}`)
  const first = new StreamableHTTPClientTransport(url, { authProvider: keeper })
  await assert.rejects(makeClient(wish).connect(first), UnauthorizedError)
  assert.ok(keeper.callback, 'the browser came back')
  await first.finishAuth(keeper.callback)
  let listening = false
  const watched = async (to: string | URL, init?: RequestInit) => {
    const answer = await fetch(to, init)
    if (init?.method === 'GET' && String(to) === url.href && answer.status === 200) listening = true
    return answer
  }
  const transport = new StreamableHTTPClientTransport(url, { authProvider: keeper, fetch: watched })
  const client = makeClient(wish)
  await client.connect(transport)
  return { client, keeper, transport, listens: () => listening }
}

function makeClient({ era, onUrl }: Wish): Client {
  const capabilities = onUrl === undefined ? {} : { elicitation: { url: {} } }
  const options = { capabilities, versionNegotiation: { mode: modes[era] } }
  const client = new Client({ name: 'an SDK client', version: '1.0.0' }, options)
  if (onUrl !== undefined) {
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      assert.equal(params.mode, 'url')
      if (params.mode === 'url') await onUrl(params.url)
      return { action: 'accept' }
    })
  }
  return client
}

function textOf(result: { content?: unknown }): string {
  return (result.content as { text?: string }[]).map((part) => part.text ?? '').join('\n')
}

function linkOf(result: { _meta?: Record<string, unknown> | undefined }): string {
  const approval = result._meta?.['sallyport/approval'] as { url: string } | undefined
  assert.ok(approval, 'it is held')
  return approval.url
}

async function decide(by: Person, url: string, approve = true): Promise<void> {
  assert.equal((await by.answer(url, approve)).status, 200)
}

for (const era of ['legacy', 'modern'] as const) {
  for (const upstream of ['legacy', 'modern'] as const) {
    test(`the SDK goes the whole way by itself and calls a ${upstream} upstream (${era} client)`, async (t) => {
      const { house, fake } = await openFakeHouse(t, { fake: { era: upstream } })
      const ana = await house.person('ana', ['desk/read_note', 'desk/write_note', 'desk/progress'])
      const wish: Wish = { upstream: 'desk', era, tools: ['read_note', 'progress'] }
      const { client, keeper, transport } = await connect(house, ana, wish)
      t.after(() => client.close())
      assert.deepEqual([keeper.asked, keeper.issued], [1, 1])
      assert.equal(client.getProtocolEra(), era)
      assert.equal(client.getServerVersion()?.name, 'desk')
      assert.deepEqual(
        (await client.listTools()).tools.map((tool) => tool.name),
        ['read_note', 'progress'],
      )
      const result = await client.callTool({ name: 'read_note', arguments: { id: 'n1' } })
      assert.equal(textOf(result), '{"id":"n1"}')
      const progress: number[] = []
      const onprogress = (one: { progress: number }) => void progress.push(one.progress)
      assert.equal(textOf(await client.callTool({ name: 'progress', arguments: {} }, { onprogress })), 'done')
      assert.deepEqual(progress, [1, 2])
      const write = () => client.callTool({ name: 'write_note', arguments: { id: 'n1' } })
      keeper.tools = undefined
      await assert.rejects(write(), UnauthorizedError)
      assert.deepEqual(
        fake.calls.map((call) => call.name),
        ['read_note', 'progress'],
      )
      // It asked for what it had and for exactly what the call lacked, and got it by what the page had ticked.
      assert.equal(keeper.scopes.at(-1), 'mcp desk:tool:write_note')
      await transport.finishAuth(keeper.callback!)
      // A legacy session is the grant's: with another grant there is another.
      const more = makeClient(wish)
      t.after(() => more.close())
      await more.connect(
        new StreamableHTTPClientTransport(new URL(`${house.origin}/mcp/desk`), { authProvider: keeper }),
      )
      for (const name of ['write_note', 'read_note']) {
        assert.equal(textOf(await more.callTool({ name, arguments: { id: 'n1' } })), '{"id":"n1"}')
      }
      assert.deepEqual([keeper.asked, keeper.issued], [2, 2])
      assert.equal(keeper.held?.scope, 'mcp desk:tool:write_note')
    })
  }

  test(`the SDK whose person does not come back from the browser is told of the page when it calls again (${era} client)`, async (t) => {
    const { house, fake } = await openFakeHouse(t)
    const ana = await house.person('ana', ['desk/read_note', 'desk/write_note'])
    const { client, keeper } = await connect(house, ana, { upstream: 'desk', era, tools: ['read_note'] })
    t.after(() => client.close())
    keeper.redirectToAuthorization = async () => {}
    const write = () => client.callTool({ name: 'write_note', arguments: { id: 'n1' } })
    await assert.rejects(write(), UnauthorizedError)
    const told = await write()
    assert.equal(told.isError, true)
    const { url } = told._meta!['sallyport/grant'] as { url: string }
    const shown = await ana.browser.open(url)
    await ana.browser.submit(shown, {}, { to: new URL(url).pathname })
    assert.equal(textOf(await write()), '{"id":"n1"}')
    assert.deepEqual([keeper.issued, fake.calls.length], [1, 1])
  })

  test(`the SDK proves itself where the upstream takes no other token, also when it renews (${era} client)`, async (t) => {
    const { house, fake } = await openFakeHouse(t)
    const required = { by: 'set-up', name: 'desk', proof: 'required', reason: 'for a test' } as const
    await house.rooms.inventory.setProof(required)
    const ana = await house.person('ana', ['desk/read_note'])
    const keeper = new Proving(ana, ['read_note'])
    const { client, listens } = await connect(house, ana, { upstream: 'desk', era, keeper })
    t.after(() => client.close())
    assert.equal(keeper.held?.token_type, 'DPoP')
    assert.equal(textOf(await client.callTool({ name: 'read_note', arguments: { id: 'n1' } })), '{"id":"n1"}')
    if (era === 'legacy') await until(async () => listens(), 'it listens')
    keeper.held = { ...keeper.held, access_token: 'ended' }
    assert.equal(textOf(await client.callTool({ name: 'read_note', arguments: { id: 'n2' } })), '{"id":"n2"}')
    assert.deepEqual([keeper.asked, keeper.issued, fake.calls.length], [1, 2, 2])
  })

  test(`an expired token is renewed by the SDK, and nobody is asked again (${era} client)`, async (t) => {
    const { house, fake } = await openFakeHouse(t)
    const ana = await house.person('ana', ['desk/read_note'])
    const { client, keeper } = await connect(house, ana, { upstream: 'desk', era })
    t.after(() => client.close())
    keeper.held = { ...keeper.held!, access_token: await expired(house, keeper.held!.access_token) }
    const before = keeper.held.refresh_token
    assert.equal(textOf(await client.callTool({ name: 'read_note', arguments: { id: 'n1' } })), '{"id":"n1"}')
    assert.deepEqual([keeper.asked, keeper.issued], [1, 2])
    assert.notEqual(keeper.held.refresh_token, before, 'the refresh token rotates')
    assert.equal(fake.calls.length, 1)
  })

  test(`a revoked grant sends the SDK back to the browser, and the person chooses anew (${era} client)`, async (t) => {
    const { house } = await openFakeHouse(t)
    const ana = await house.person('ana', ['desk/read_note'])
    const wish: Wish = { upstream: 'desk', era }
    const { client, keeper } = await connect(house, ana, wish)
    await client.close()
    const [grant] = await house.rooms.oauth.listGrants({ principalId: ana.principal.id })
    await house.rooms.oauth.revokeGrant({ by: 'set-up', id: grant!.id, reason: 'tried out' })

    const again = await connect(house, ana, { ...wish, keeper })
    t.after(() => again.client.close())
    assert.deepEqual([keeper.asked, keeper.issued], [2, 2])
    assert.equal(textOf(await again.client.callTool({ name: 'read_note', arguments: { id: 'n1' } })), '{"id":"n1"}')
  })

  test(`the SDK hears of a changed list (${era} client)`, async (t) => {
    const { house } = await openFakeHouse(t)
    const ana = await house.person('ana', ['desk/read_note', 'desk/progress'])
    const { client, listens } = await connect(house, ana, { upstream: 'desk', era })
    t.after(() => client.close())
    let told = 0
    client.setNotificationHandler('notifications/tools/list_changed', () => void told++)
    if (era === 'modern') {
      const subscription = await client.listen({ toolsListChanged: true })
      assert.deepEqual(subscription.honoredFilter, { toolsListChanged: true })
    } else await until(listens, 'the stream is open')
    const { inventory } = house.rooms
    const all = await inventory.listEntitlements({ principalId: ana.principal.id })
    const { id } = all.find((one) => one.tool === 'progress')!
    await inventory.revokeEntitlement({ by: 'set-up', id, reason: 'tried out' })
    await until(() => told > 0, 'the client is told')
    const { tools } = await client.listTools(undefined, { cacheMode: 'refresh' })
    assert.deepEqual(
      tools.map((tool) => tool.name),
      ['read_note'],
    )
  })
}

for (const upstream of ['legacy', 'modern'] as const) {
  test(`a modern SDK client opens the page, somebody else approves, and the call passes once (${upstream} upstream)`, async (t) => {
    const { house, fake } = await openFakeHouse(t, { fake: { era: upstream } })
    const bo = await house.person('bo', ['desk/delete_note:approve'])
    const ana = await house.person('ana', ['desk/delete_note'])
    const opened: string[] = []
    const wish: Wish = {
      upstream: 'desk',
      era: 'modern',
      tools: 'all',
      async onUrl(url) {
        assert.deepEqual(fake.calls, [], 'nothing happened before')
        opened.push(url)
        await decide(bo, url)
      },
    }
    const { client } = await connect(house, ana, wish)
    t.after(() => client.close())
    const result = await client.callTool({ name: 'delete_note', arguments: { id: 'n1' } })
    assert.equal(result.isError ?? false, false)
    assert.equal(opened.length, 1)
    assert.deepEqual(fake.calls, [{ name: 'delete_note', arguments: { id: 'n1' } }])
  })
}

test('a modern SDK client whose approver says no, or nothing, gets a result that says so', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const bo = await house.person('bo', ['desk/delete_note:approve'])
  const ana = await house.person('ana', ['desk/delete_note'])
  const onUrl = async (url: string) => (answers.shift() === 'no' ? decide(bo, url, false) : undefined)
  const answers = ['no', 'nothing']
  const { client } = await connect(house, ana, { upstream: 'desk', era: 'modern', tools: 'all', onUrl })
  t.after(() => client.close())
  const denied = await client.callTool({ name: 'delete_note', arguments: { id: 'n1' } })
  assert.equal(denied.isError, true)
  assert.match(textOf(denied), /was denied/)
  const pending = await client.callTool({ name: 'delete_note', arguments: { id: 'n2' } })
  assert.equal(pending.isError, true)
  assert.match(textOf(pending), /is pending/)
  assert.deepEqual([fake.calls, answers], [[], []])
})

for (const era of ['legacy', 'modern'] as const) {
  test(`the genuine memory server deletes only what somebody else approved (${era} client)`, async (t) => {
    const house = await openHouse(t, { preload: ['memory'] })
    await house.rooms.gateway.look((await house.rooms.inventory.findUpstream('memory'))!)
    const bo = await house.person('bo', ['memory/delete_entities:approve'])
    const ana = await house.person('ana', ['memory/*'])
    const { client } = await connect(house, ana, { upstream: 'memory', era, tools: 'all' })
    t.after(() => client.close())
    const file = join(house.dataDir, 'upstreams', 'memory', 'memory.jsonl')
    const entity = { name: 'canary-7', entityType: 'bird', observations: ['sings'] }
    const made = await client.callTool({ name: 'create_entities', arguments: { entities: [entity] } })
    assert.equal(made.isError ?? false, false, textOf(made))
    assert.match(readFileSync(file, 'utf8'), /canary-7/)

    const call = () => client.callTool({ name: 'delete_entities', arguments: { entityNames: ['canary-7'] } })
    const held = await call()
    assert.equal(held.isError, true)
    assert.match(readFileSync(file, 'utf8'), /canary-7/)
    await decide(bo, linkOf(held))
    assert.equal((await call()).isError ?? false, false)
    assert.doesNotMatch(readFileSync(file, 'utf8'), /canary-7/)
    assert.equal((await call()).isError, true, 'the approval is used up')
    const graph = await client.callTool({ name: 'read_graph', arguments: {} })
    assert.deepEqual(graph.structuredContent, { entities: [], relations: [] })
  })
}

/** The same token, signed by the house, whose time is over. */
async function expired(house: House, token: string): Promise<string> {
  const [head, claims] = token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as JWTPayload & { alg: string })
  const key = await importJWK((await house.rooms.vault.tokenKeys()).keys[0]!, 'ES256')
  return new SignJWT({ ...claims, exp: Math.floor(Date.now() / 1_000) - 1 }).setProtectedHeader(head!).sign(key)
}
