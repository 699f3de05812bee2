import type { TestContext } from 'node:test'
import { makeId } from '../../../src/base/ids.ts'
import { demandSignIn } from '../../../src/store/principals.ts'
import { insertSignal } from '../../../src/store/signals.ts'
import { linkOf, type Agent } from '../../agent.ts'
import { noteOffers } from '../../fake/fake-offers.ts'
import { openFakeMcpServer, type FakeMcpServer } from '../../fake/mcp-server.ts'
import { noteTools } from '../../fake-house.ts'
import { openHouse, type House } from '../../house.ts'
import { openGuardedUpstream } from '../../guarded-house.ts'
import { grantTo, makeMachine } from '../../machines.ts'
import type { Person } from '../../person.ts'

/** A house in which something stands on every page. */
export interface FullHouse {
  house: House
  /** Administers, owns the upstreams, and has a client. */
  ana: Person
  /** May approve what ana's client asks for. */
  bo: Person
  agent: Agent
  /** A call that waits for bo. */
  approval: string
  /** Every page that ana can open, by name. */
  pages: Record<string, string>
}

const entities = [
  { name: 'Elba', entityType: 'island', observations: ['has bees', 'lies off Tuscany'] },
  { name: 'Ana Lima', entityType: 'person', observations: ['keeps bees on Elba'] },
]

// Nobody fetches these keys: no machine calls here.
const jwksUri = 'https://reports.example.com/jwks'
const reports = { id: 'nightly-report', name: 'Nightly report', machine: 'nightly', jwksUri }
const rules = [{ machine: 'nightly', claims: { sub: 'system:serviceaccount:prod:nightly' } }]
const withMachine = `clients: ${JSON.stringify({ preregistered: [reports] })}\nworkloads: ${JSON.stringify([{ issuer: 'https://cluster.example.com', rules }])}`

/**
 * Opens a house with both built-in upstreams and one that offers every kind of item, two people, a client, calls, and one
 * call that waits.
 */
export async function openFullHouse(t: TestContext | undefined): Promise<FullHouse> {
  const fake = await openFakeMcpServer({ offers: noteOffers(), tools: [...noteTools] })
  const guarded = await openGuardedUpstream()
  const reach = [fake.url, guarded.fake.url, guarded.server.issuer]
  const { issuer } = guarded.server
  const yaml = [withTransmitter, inNames(fake.url, issuer), withMachine].join('\n')
  const house = await openHouse(t, { preload: ['memory', 'mux'], reach, yaml })
  closeWith(house, guarded)
  const { gateway, inventory } = house.rooms
  for (const upstream of await inventory.listUpstreams()) await gateway.look(upstream)
  await enterDesk(house, fake)
  const ana = await house.person('Ana Lima', ['administer', 'memory/*', 'mux/*', 'desk/*'])
  const bo = await house.person('Bo Berg', ['memory/*', 'memory/*:approve'])
  await changeDesk(house, fake)
  for (const name of ['memory', 'mux', 'desk']) {
    await inventory.setUpstreamOwner({ by: 'set-up', name, ownerId: ana.principal.id, reason: 'keeps it' })
  }
  const by = bo.principal.id
  await proposeWiki(house, by)
  await bundle(house, { by, ownerId: ana.principal.id })
  const connect = await beginConnection(house, guarded.fake.url, ana)
  await connectDesk(house, { issuer, person: ana })
  const agent = await ana.connect('memory', 'all')
  await ana.connect('desk', 'all')
  const little = await ana.connect('desk', ['read_note'])
  const groupPages = await fillGroup(house, ana, little.grantId)
  await agent.call('create_entities', { entities })
  await agent.call('read_graph', {})
  const approval = linkOf(await agent.call('delete_entities', { entityNames: ['Elba', 'Ana Lima'] }))
  const [intent] = await house.entries('intent')
  const size = await house.rooms.ledger.size()
  return {
    house,
    ana,
    bo,
    agent,
    approval,
    pages: {
      start: '/',
      ...fixedPages,
      request: new URL(approval).pathname,
      ...deskPages,
      proposal: '/upstreams/wiki',
      'make bundle': '/bundles/new',
      bundle: '/bundles/work',
      tool: '/upstreams/mux/tool?name=create_system_signing_keys',
      grants: '/grants?whose=all&ended=true',
      widen: `/grants/${little.grantId}/widen?tool=write_note`,
      clients: '/clients',
      client: `/clients/client?id=${encodeURIComponent(agent.client)}`,
      people: '/people',
      person: `/people/${by}`,
      ...groupPages,
      ...(await sendSignals(house, bo.principal.id)),
      machines: '/machines',
      machine: `/people/${await enterMachine(house)}`,
      ledger: '/ledger',
      entry: `/ledger/${size - 1}`,
      connect,
      connections: '/connections',
      'own connection': '/connections/desk',
      call: `/calls/${intent!.callId}`,
      you: '/you',
      'sign-in': '/sign-in',
      'sign-out': '/sign-out',
    },
  }
}

const withTransmitter = `
login: { oidc: [{ id: company, name: Example Company, issuer: 'https://login.example.com', clientId: sallyport, claims: { groups: groups }, domains: [example.com] }] }
signals:
  - { id: company, issuer: 'https://signals.example.com', jwksUri: 'https://signals.example.com/jwks',
      audience: 'https://gateway.example.com', people: 'https://login.example.com', push: {} }
`

/** What a transmitter said, as if it had; returns the pages that show it. */
async function sendSignals(house: House, about: string): Promise<Record<string, string>> {
  const { store } = house.rooms
  const cy = (await house.person('Cy Chen', ['mux/*'])).principal.id
  const now = house.clock.now()
  const said: [event: string, principalId: string | undefined, effect: string][] = [
    ['verification', undefined, 'about the stream'],
    ['session-revoked', undefined, 'nothing: about nobody who is known here'],
    ['device-compliance-change', about, 'nothing: it says that things became better'],
    ['credential-compromise', cy, 'signed out, grants ended; must sign in anew'],
  ]
  for (const [at, [event, principalId, effect]] of said.entries()) {
    const when = { issuedAt: now + at, receivedAt: now + at }
    await insertSignal(
      store,
      { id: makeId(house.clock) + at, transmitter: 'company', event, principalId, effect, ...when },
      9,
    )
  }
  await demandSignIn(store, cy, now)
  return { 'must sign in': `/people/${cy}`, signals: '/signals' }
}

/** An upstream that waits for its review. */
async function proposeWiki({ rooms }: House, by: string): Promise<void> {
  const launch = { kind: 'http', url: 'https://wiki.example.com/mcp' } as const
  const of = { by, ownerId: by, name: 'wiki', launch, purpose: 'Pages of the company' }
  await rooms.inventory.proposeUpstream({ ...of, reason: 'asked for' })
}

/** Two upstreams that are called in the name of who calls. */
function inNames(url: string, issuer: string): string {
  const mux = { way: 'id-jag', provider: 'company', issuer, client: { id: 'sallyport' } }
  return `onBehalf: ${JSON.stringify({ desk: { way: 'connection', url, issuer }, mux })}`
}

const fixedPages = {
  approvals: '/approvals',
  upstreams: '/upstreams',
  provisioning: '/provisioning',
  propose: '/upstreams/new',
  memory: '/upstreams/memory',
  mux: '/upstreams/mux',
}

const deskPages = {
  desk: '/upstreams/desk',
  resource: `/upstreams/desk/tool?name=${encodeURIComponent('resource:memo://api-keys')}`,
  prompt: `/upstreams/desk/tool?name=${encodeURIComponent('prompt:summarise')}`,
  method: `/upstreams/desk/tool?name=${encodeURIComponent('method:dice/roll')}`,
}

function closeWith(house: House, fake: { close(): Promise<void> }): void {
  const { close } = house
  house.close = async () => {
    await fake.close()
    await close()
  }
}

/** An upstream that wants OAuth, and the page to which its authorization server sends an administrator back. */
async function beginConnection({ rooms }: House, url: string, { principal }: Person): Promise<string> {
  const { inventory, gateway } = rooms
  const of = { name: 'vaulted', launch: { kind: 'http', url } as const, purpose: 'Notes behind a token' }
  await inventory.proposeUpstream({ ...of, by: 'set-up', ownerId: principal.id, reason: 'asked for' })
  const asker = { principalId: principal.id, browser: undefined }
  const upstream = (await inventory.findUpstream(of.name))!
  const { destination, issuer, redirectUrl } = await gateway.connections.begin(upstream, asker, {
    scope: 'notes:read notes:write',
    reason: 'asked for',
  })
  const back = new URLSearchParams({ state: destination.searchParams.get('state')!, code: 'a-code', iss: issuer })
  return `${new URL(redirectUrl).pathname}?${back.toString()}`
}

/** The person's own connection, which has ended. */
async function connectDesk({ rooms }: House, { issuer, person }: { issuer: string; person: Person }): Promise<void> {
  const { id } = person.principal
  const about = { kind: 'connection', id: `desk/${id}` } as const
  const details = {
    issuer,
    clientId: 'sallyport',
    grant: 'authorization_code',
    scope: 'notes:read notes:write',
  } as const
  const of = { upstream: 'desk', principalId: id, secret: {}, createdBy: id }
  await rooms.ledger.recordChange({ by: id, what: 'connection.put', about }, (tx) =>
    rooms.vault.renewable.put(tx, { ...of, details: { ...details, lapsed: 'invalid_grant', wanted: 'notes:delete' } }),
  )
}

/** An upstream that offers every kind of item; it ends with the house. */
async function enterDesk(house: House, fake: FakeMcpServer): Promise<void> {
  closeWith(house, fake)
  await house.httpUpstream('desk', fake.url, {})
  const method = { by: 'set-up', upstream: 'desk', method: 'dice/roll', reason: 'the extension of dice' }
  await house.rooms.inventory.declareMethod(method)
}

/** After it, one thing is withheld because it changed and one because it is new. */
async function changeDesk({ rooms }: House, { options }: FakeMcpServer): Promise<void> {
  options.offers!.prompts[0]!['description'] = 'Summarises a note, in few words.'
  options.offers!.resources.push({ uri: 'memo://notes/second', name: 'The second note' })
  await rooms.gateway.look((await rooms.inventory.findUpstream('desk'))!)
}

async function enterMachine(house: House): Promise<string> {
  const { id } = await makeMachine(house, 'nightly', ['memory/read_graph', 'memory/create_entities'])
  await grantTo(house, 'nightly', { upstream: 'memory', clientId: 'nightly-report' })
  return id
}

async function bundle({ rooms }: House, of: { by: string; ownerId: string }): Promise<void> {
  const members = [
    { upstream: 'memory', prefix: 'memory' },
    { upstream: 'mux', prefix: 'video' },
  ]
  const purpose = 'All that the team uses'
  await rooms.inventory.makeBundle({ ...of, name: 'work', purpose, members, reason: 'one address' })
}

/** A group in which Ana is, and a right of hers that wants a login; returns the pages that show it. */
async function fillGroup({ rooms }: House, { principal }: Person, grantId: string): Promise<Record<string, string>> {
  const { identity, inventory } = rooms
  const step = { by: 'set-up', reason: 'who answers tickets' }
  const { id } = await identity.makeGroup({ ...step, name: 'Support' })
  await identity.addMember({ ...step, group: id, member: principal.id })
  await identity.addGroupRule({ ...step, provider: 'company', match: 'prefix', value: 'mcp-', groupId: id })
  const give = { ...step, right: 'use', upstream: 'desk', tools: ['write_note'] } as const
  await inventory.entitle({ ...give, tools: [...give.tools], principalId: id })
  const [held] = await inventory.listEntitlements({ principalId: principal.id, upstream: 'desk', tool: 'read_note' })
  const demand = { maxAgeSeconds: 900, acr: ['phr'] }
  await inventory.demandLogin({ ...step, principalId: principal.id, ids: [held!.id], demand })
  return {
    groups: '/groups',
    group: `/people/${id}`,
    providers: '/providers',
    provider: '/providers/company',
    'log in for a program': `/grants/${grantId}/login?upstream=desk&tool=read_note`,
  }
}
