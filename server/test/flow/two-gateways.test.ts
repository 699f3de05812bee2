import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { toolNamed } from '../fake/fake-tools.ts'
import { openFakeIdp } from '../fake/idp.ts'
import { openFakeMcpServer, type FakeMcpServer } from '../fake/mcp-server.ts'
import { whoIs } from '../administrator.ts'
import { openHouse, type House } from '../house.ts'
import { Person } from '../person.ts'

// Both halves of enterprise-managed authorization are of this house: here one gateway is the upstream of another.

const client = { id: 'sallyport', secret: 'the client secret' }
const reason = 'for a test'

/** The gateway behind: it takes assertions of the company's provider from the client `front`. */
async function openBehind(t: TestContext, idp: { issuer: string }, fake: FakeMcpServer): Promise<House> {
  const clients = {
    enterprise: [{ issuer: idp.issuer, jwksUri: `${idp.issuer}/jwks` }],
    preregistered: [{ id: 'front', name: 'Front', redirectUris: ['https://front.example/back'], secretEnv: 'FRONT' }],
  }
  const yaml = `clients: ${JSON.stringify(clients)}`
  const house = await openHouse(t, { yaml, env: { FRONT: 'of-the-front'.repeat(3) }, reach: [fake.url, idp.issuer] })
  await house.httpUpstream('notes', fake.url, { effects: { echo: 'read' } })
  return house
}

test('a person’s call passes two gateways by one login, and the ledger of each names the person', async (t) => {
  const idp = await openFakeIdp(client, { sub: 'a-1', name: 'Ana' })
  t.after(() => idp.close())
  const inputSchema = { type: 'object', properties: { text: { type: 'string' } } }
  const fake = await openFakeMcpServer({ era: 'modern', tools: [toolNamed('echo', { inputSchema })] })
  t.after(() => fake.close())
  const behind = await openBehind(t, idp, fake)
  idp.knobs = { assertion: { client_id: 'front' } }
  const url = `${behind.origin}/mcp/notes`

  const provider = { id: 'corp', name: 'Corp', issuer: idp.issuer, clientId: client.id, clientSecretEnv: 'IDP_SECRET' }
  const entry = {
    way: 'id-jag',
    url,
    provider: 'corp',
    issuer: behind.origin,
    client: { id: 'front', secretEnv: 'FRONT' },
  }
  const yaml = `login: ${JSON.stringify({ oidc: [provider] })}\nonBehalf: ${JSON.stringify({ notes: entry })}`
  const env = { IDP_SECRET: client.secret, FRONT: 'of-the-front'.repeat(3) }
  const front = await openHouse(t, { yaml, env, reach: [idp.issuer, behind.origin] })

  // What the front gateway sees of the other on its own account.
  const robot = await (await behind.person('robot', ['notes/echo'])).connect('notes', 'all')
  const values = { authorization: `Bearer ${robot.tokens.access_token}` }
  await front.rooms.ledger.recordChange({ by: 'set-up', what: 'connection.put', about: { kind: 'connection' } }, (tx) =>
    front.rooms.vault.putConnection(tx, { upstream: 'notes', placement: 'headers', values, createdBy: 'set-up' }),
  )
  await front.httpUpstream('notes', url, { effects: { echo: 'read' } })

  const browser = front.browser()
  const page = await browser.open('/sign-in?return_to=/sign-out')
  await browser.follow(page, '/sign-in/with/corp?return_to=/sign-out')
  const { principal } = (await whoIs(front, browser))!
  const right = { by: 'set-up', reason, right: 'use', upstream: 'notes' } as const
  await front.rooms.inventory.entitle({ ...right, principalId: principal.id, tools: ['echo'] })
  const agent = await new Person(front, principal, browser).connect('notes', 'all')

  // Known at both by the provider, entitled at the one alone so far.
  const there = await behind.rooms.identity.admitClaims(idp.issuer, { sub: 'a-1', name: 'Ana' })
  const early = await agent.call('echo', { text: 'too early' })
  assert.ok(early.error !== undefined || early.result['isError'] === true)
  await behind.rooms.inventory.entitle({ ...right, principalId: there.id, tools: ['echo'] })
  const answer = await agent.call('echo', { text: 'x' })
  assert.equal(answer.error, undefined, JSON.stringify(answer.message))

  const calls = fake.journal.filter(({ message }) => message?.method === 'tools/call')
  assert.deepEqual(
    calls.map(({ message }) => message!.params!['arguments']),
    [{ text: 'x' }],
  )
  for (const house of [front, behind]) {
    const intent = (await house.entries('intent')).at(-1)!
    assert.deepEqual([intent.principal.issuer, intent.principal.subject], [idp.issuer, 'a-1'])
  }
  const [grant] = await behind.rooms.oauth.listGrants({ principalId: there.id })
  assert.deepEqual([grant!.clientId, grant!.issuer], ['front', idp.issuer])

  // What the gateway behind withdraws is withdrawn, whatever the front one remembers.
  await behind.rooms.oauth.revokeGrant({ by: there.id, id: grant!.id, reason: 'enough' })
  const after = await agent.call('echo', { text: 'y' })
  assert.ok(after.error !== undefined || after.result['isError'] === true)
  assert.equal(fake.journal.filter(({ message }) => message?.method === 'tools/call').length, 1)
})
