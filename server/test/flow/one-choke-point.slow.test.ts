import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultStatus, type FaultCode } from '../../src/base/fault.ts'
import type { Entry } from '../../src/ledger/entry.ts'
import { nameOfItem, type ItemKind } from '../../src/model/item.ts'
import type { Agent, Answer } from '../agent.ts'
import { openHouse, type House } from '../house.ts'
import { openWays, promptNames, toolNames, uriOf, type Way } from '../matrix/upstreams.ts'
import type { Person } from '../person.ts'

// The same question gets the same answer by whichever way it comes: every revision, every kind of upstream, at its own
// address or at that of a bundle, every order of questions, and the list says what the call would. Generated: a way that is
// added must agree with those that are there.

const revisions = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const
type Revision = (typeof revisions)[number]

const states = [
  'held',
  'not entitled',
  'not chosen',
  'drifted',
  'not accepted',
  'pending',
  'revoked',
  'suspended',
] as const
type State = (typeof states)[number]

/** What the ledger says of a call, and what the client reads: the same everywhere. */
const expected: Record<State, string> = {
  held: 'intent, outcome success → 200',
  'not entitled': 'denial entitlement.missing → 403 gateway.denied',
  'not chosen': 'denial grant.tool_not_chosen → 403 gateway.denied',
  drifted: 'denial tool.drifted → 403 gateway.denied',
  'not accepted': 'denial tool.withheld → 403 gateway.denied',
  pending: 'denial approval.pending → 200 isError',
  revoked: 'denial grant.revoked → 401 gateway.grant_ended',
  suspended: 'denial upstream.not_approved → 403 gateway.denied',
}
/** A grant that was challenged for this tool before is told of the page in the result: another answer, the same denial. */
const challengedBefore = 'denial grant.tool_not_chosen → 200 isError'
/** What is not to be seen is, where the protocol has an error for it, not there. */
const hiddenElsewhere = 'denial entitlement.missing → 200 gateway.item_unknown'
/** A batch of who may not be here at all is refused whole, before any message of it is read. */
const expectedOfBatch: Partial<Record<State, string>> = {
  revoked: ' → 401 gateway.grant_ended',
  suspended: ' → 403 gateway.denied',
}
/** What a list says of the same item. */
const expectedInList: Record<State, string> = {
  held: 'shown',
  'not entitled': 'hidden',
  'not chosen': 'hidden',
  drifted: 'hidden',
  'not accepted': 'hidden',
  pending: 'shown',
  revoked: '401 gateway.grant_ended',
  suspended: '403 gateway.denied',
}

const orders = ['at once', 'after the list', 'in a session', 'in a batch'] as const
type Order = (typeof orders)[number]

/** The kinds of question; each has its own items. */
const methods = {
  'tools/call': { list: 'tools/list', member: 'tools', key: 'name', kind: 'tool' },
  'prompts/get': { list: 'prompts/list', member: 'prompts', key: 'name', kind: 'prompt' },
  'resources/read': { list: 'resources/list', member: 'resources', key: 'uri', kind: 'resource' },
  'completion/complete': { list: 'prompts/list', member: 'prompts', key: 'name', kind: 'prompt' },
} as const satisfies Record<string, { list: string; member: string; key: string; kind: ItemKind }>
type Method = keyof typeof methods

/** Where the items of an upstream are asked for: at its own address, or at that of a bundle. */
interface Place {
  way: Way
  /** What the names of its tools and prompts begin with in the bundle; absent at its own address. */
  prefix?: string
  asked: readonly Method[]
  clients: Clients
}

/** What the item of a state is called at its upstream. */
function keyOf({ way }: Place, method: Method, state: State): string {
  const own = state === 'revoked' || state === 'suspended' ? 'held' : state.replace(' ', '_')
  if (method === 'tools/call') return own === 'pending' ? 'delete_pending' : `read_${own}`
  return method === 'resources/read' ? uriOf(way.name, own) : own
}

/** What it is called at this place. */
function itemOf(place: Place, method: Method, state: State): string {
  const key = keyOf(place, method, state)
  return place.prefix === undefined || method === 'resources/read' ? key : `${place.prefix}_${key}`
}

function paramsOf(method: Method, item: string): Record<string, unknown> {
  if (method === 'tools/call') return { name: item, arguments: {} }
  if (method === 'completion/complete')
    return { ref: { type: 'ref/prompt', name: item }, argument: { name: 'id', value: 'x' } }
  return method === 'resources/read' ? { uri: item } : { name: item }
}

/** The clients of one address: the right one for each state. */
interface Clients {
  main: Agent
  revoked: Agent
  suspended: Agent
  /** The sessions that they began before anything was withdrawn. */
  sessions: Map<string, string>
  /** What each was shown. */
  shown: Map<string, Answer>
}

let lastId = 0

async function post(
  agent: Agent,
  of: { revision: Revision; method: string; params: object; session?: string | undefined; batch?: boolean },
): Promise<Answer> {
  const { revision, method, params, session } = of
  if (revision === '2026-07-28') return agent.modern(method, params as Record<string, unknown>)
  const message = { jsonrpc: '2.0', id: ++lastId, method, params }
  // Clients before 2025-06-18 say no version on each request; a batch only passes to who says it.
  const named = revision > '2025-03-26' || of.batch === true
  return agent.post(JSON.stringify(of.batch === true ? [message] : message), {
    headers: { ...(named && { 'mcp-protocol-version': revision }), ...(session && { 'mcp-session-id': session }) },
  })
}

async function begin(agent: Agent, revision: Revision): Promise<string> {
  const params = { protocolVersion: revision, capabilities: {}, clientInfo: { name: 'matrix', version: '1' } }
  const answer = await post(agent, { revision, method: 'initialize', params })
  assert.equal(answer.status, 200, JSON.stringify(answer.message))
  return answer.headers.get('mcp-session-id')!
}

/** The one whose upstream is to be suspended is another, and so is its bundle. */
const second = (name: string): string => `${name}-2`

async function enter(house: House, way: Way, person: Person): Promise<void> {
  for (const name of [way.name, second(way.name)]) {
    await house.launchUpstream(name, way.launch)
    const prompts = way.offers ? promptNames.filter((prompt) => prompt !== 'not_entitled') : []
    const tools = [...toolNames.filter((tool) => tool !== 'read_not_entitled'), ...promptsAndResources(way, prompts)]
    await entitle(house, person, { upstream: name, tools })
  }
}

function promptsAndResources({ name }: Way, keys: string[]): string[] {
  return keys.flatMap((key) => [`prompt:${key}`, `resource:${uriOf(name, key)}`])
}

async function entitle(house: House, person: Person, of: { upstream: string; tools: string[] }): Promise<void> {
  const right = { by: 'set-up', principalId: person.principal.id, right: 'use', reason: 'for a test' } as const
  await house.rooms.inventory.entitle({ ...right, ...of })
}

function choiceOf(way: Way): string[] {
  return [
    'read_held',
    'read_drifted',
    'delete_pending',
    ...promptsAndResources(way, way.offers ? ['held', 'drifted'] : []),
  ]
}

async function connect(
  person: Person,
  address: string,
  choose: (named: (name: string) => string) => string[],
): Promise<Clients> {
  const choice = choose((name) => name)
  const clients: Clients = {
    main: await person.connect(address, choice),
    revoked: await person.connect(address, choice),
    suspended: await person.connect(second(address), choose(second)),
    sessions: new Map(),
    shown: new Map(),
  }
  for (const role of ['main', 'revoked', 'suspended'] as const) {
    for (const revision of revisions.slice(0, -1)) {
      clients.sessions.set(`${role} ${revision}`, await begin(clients[role], revision))
    }
  }
  return clients
}

const ofTools: readonly Method[] = ['tools/call']
const ofAll = Object.keys(methods) as Method[]

async function openPlaces(house: House, ways: Way[]): Promise<Place[]> {
  const person = await house.person('ana')
  const places: Place[] = []
  for (const way of ways) {
    await enter(house, way, person)
    const clients = await connect(person, way.name, () => choiceOf(way))
    places.push({ way, asked: way.offers ? ofAll : ofTools, clients })
  }
  const bundled = ways.filter(({ name }) => name !== 'http-legacy')
  for (const named of [(name: string) => name, second]) {
    const members = bundled.map(({ name }) => ({ upstream: named(name), prefix: prefixOf(name) }))
    const of = { by: 'set-up', ownerId: person.principal.id, purpose: 'all of them', reason: 'for a test' }
    await house.rooms.inventory.makeBundle({ ...of, name: named('bundle'), members })
  }
  const clients = await connect(person, 'bundle', (named) =>
    bundled.flatMap((way) => choiceOf(way).map((item) => `${named(way.name)}/${item}`)),
  )
  for (const way of bundled) {
    // One member shows what a bundle makes of the rest of the protocol.
    const asked = way.name === 'http-modern' ? ofAll : ofTools
    places.push({ way, prefix: prefixOf(way.name), asked, clients })
  }
  // Everything is as it is to be when the questions begin.
  for (const place of places) {
    await hold(place)
    await challenge(place)
  }
  for (const way of ways) await spoil(house, way, person)
  for (const one of new Set(places.map((place) => place.clients)))
    await house.rooms.oauth.revokeGrant({ by: 'set-up', id: one.revoked.grantId, reason: 'for a test' })
  return places
}

function prefixOf(name: string): string {
  return name.replace('-', '')
}

async function hold(place: Place): Promise<void> {
  const answer = await place.clients.main.call(itemOf(place, 'tools/call', 'pending'), {})
  assert.equal(answer.result['isError'], true)
}

async function challenge(place: Place): Promise<void> {
  const answer = await place.clients.main.call(itemOf(place, 'tools/call', 'not chosen'), {})
  assert.equal(tell(answer, false), '403 gateway.denied')
}

async function spoil(house: House, way: Way, person: Person): Promise<void> {
  const { inventory, gateway } = house.rooms
  way.drift()
  await gateway.look((await inventory.findUpstream(way.name))!)
  const late = ['read_not_accepted', ...promptsAndResources(way, way.offers ? ['not_accepted'] : [])]
  await entitle(house, person, { upstream: way.name, tools: late })
  await inventory.stepUpstream({ by: 'set-up', name: second(way.name), to: 'suspended', reason: 'for a test' })
}

function roleFor(state: State): 'main' | 'revoked' | 'suspended' {
  return state === 'revoked' || state === 'suspended' ? state : 'main'
}

function tell(answer: Answer, batch: boolean): string {
  const fault = answer.error?.data?.['fault'] as FaultCode | undefined
  // In a batch each message has its answer, and all of them one status.
  const own = fault === undefined || fault === 'gateway.item_unknown' ? 200 : faultStatus[fault]
  const status = batch && answer.status === 200 ? own : answer.status
  const word =
    answer.error === undefined
      ? answer.result['isError'] === true
        ? ' isError'
        : ''
      : ` ${fault ?? answer.error.code}`
  return `${status}${word}`
}

interface Cell {
  where: string
  state: State
  found: string
  due: string
}

async function callCell(
  house: House,
  place: Place,
  of: { revision: Revision; order: Order; method: Method; state: State },
): Promise<Cell> {
  const { revision, order, method, state } = of
  const { clients } = place
  const role = roleFor(state)
  const agent = clients[role]
  const item = itemOf(place, method, state)
  const session = order === 'in a session' ? clients.sessions.get(`${role} ${revision}`) : undefined
  if (order === 'after the list' || session !== undefined) {
    await post(agent, { revision, method: methods[method].list, params: {}, session })
  }
  const before = await house.rooms.ledger.size()
  const batch = order === 'in a batch'
  const answer = await post(agent, { revision, method, params: paramsOf(method, item), session, batch })
  const placed = await house.rooms.ledger.listEntries({
    after: before - 1,
    limit: 20,
    kinds: ['intent', 'outcome', 'denial'],
  })
  const story = placed.map(({ entry }) => storyOf(entry, place, { method, state }))
  const where = [method, whereOf(place), revision, order].join(' · ')
  return { where, state, found: `${story.join(', ')} → ${tell(answer, batch)}`, due: dueFor(of) }
}

function whereOf({ way, prefix }: Place): string {
  return prefix === undefined ? way.name : `${way.name} in a bundle`
}

/** An entry in a few words; by whichever address the call came, it is of the item of the upstream. */
function storyOf(entry: Entry, place: Place, { method, state }: { method: Method; state: State }): string {
  if (entry.kind === 'outcome') return `outcome ${entry.status}`
  if (entry.kind !== 'intent' && entry.kind !== 'denial') return entry.kind
  const upstream = state === 'suspended' ? second(place.way.name) : place.way.name
  const tool = nameOfItem({ kind: methods[method].kind, key: keyOf(place, method, state) })
  const bundle = place.prefix && (state === 'suspended' ? second('bundle') : 'bundle')
  const right = entry.upstream === upstream && entry.tool === tool && entry.bundle === bundle
  const of = right ? '' : ` of ${entry.bundle ?? 'no bundle'} ${entry.upstream}/${entry.tool}`
  return `${entry.kind === 'denial' ? `denial ${entry.reason}` : entry.kind}${of}`
}

function dueFor({ order, method, state }: { order: Order; method: Method; state: State }): string {
  const ofBatch = order === 'in a batch' ? expectedOfBatch[state] : undefined
  if (ofBatch !== undefined) return ofBatch
  if (state === 'not chosen' && method === 'tools/call') return challengedBefore
  return state === 'not entitled' && method !== 'tools/call' ? hiddenElsewhere : expected[state]
}

async function listCell(place: Place, of: { revision: Revision; method: Method; state: State }): Promise<Cell> {
  const { revision, method, state } = of
  const { list, member, key } = methods[method]
  const { shown } = place.clients
  // One list says of all states what it says.
  const asked = [list, roleFor(state), revision].join(' ')
  const answer = shown.get(asked) ?? (await post(place.clients[roleFor(state)], { revision, method: list, params: {} }))
  shown.set(asked, answer)
  const where = [list, whereOf(place), revision].join(' · ')
  const due = expectedInList[state]
  if (answer.error !== undefined) return { where, state, found: tell(answer, false), due }
  const items = (answer.result[member] as Record<string, unknown>[]).map((one) => one[key])
  return { where, state, found: items.includes(itemOf(place, method, state)) ? 'shown' : 'hidden', due }
}

async function fill(house: House, place: Place): Promise<Cell[]> {
  const cells: Cell[] = []
  for (const method of place.asked) {
    for (const state of states) {
      // Only a call that destroys waits for an approval.
      if (state === 'pending' && method !== 'tools/call') continue
      for (const revision of revisions) {
        for (const order of orders) {
          if (order === 'in a session' && revision === '2026-07-28') continue
          if (order === 'in a batch' && revision !== '2025-03-26') continue
          cells.push(await callCell(house, place, { revision, order, method, state }))
        }
        cells.push(await listCell(place, { revision, method, state }))
      }
    }
  }
  return cells
}

function tableOf(cells: Cell[]): string {
  return cells
    .map(({ where, state, found, due }) => `${where} · ${state}\n    found ${found}\n    due   ${due}`)
    .join('\n')
}

test('the same question gets the same decision by every revision, kind of upstream, address and order, and lists agree', async (t) => {
  const ways = await openWays(t)
  const house = await openHouse(t, { reach: ways.reach, yaml: ways.yaml })
  const places = await openPlaces(house, ways.all)
  const cells: Cell[] = []
  for (const place of places) cells.push(...(await fill(house, place)))
  const odd = cells.filter(({ found, due }) => found !== due)
  const lists = [...new Set(places.map(({ clients }) => clients.shown))].reduce((sum, { size }) => sum + size, 0)
  const calls = cells.filter(({ where }) => !where.includes('/list')).length
  t.diagnostic(`${calls} calls and ${lists} lists for ${cells.length} answers, ${odd.length} of them another than due`)
  assert.equal(odd.length, 0, `\n${tableOf(odd)}`)
})
