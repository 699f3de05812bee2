import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { faultStatus, type FaultCode } from '../../src/base/fault.ts'
import type { Agent, Answer } from '../agent.ts'
import { openHouse, type House } from '../house.ts'
import { openWays, promptNames, toolNames, type Way } from '../matrix/upstreams.ts'
import type { Person } from '../person.ts'

// The same question gets the same answer by whichever way it comes: every revision, every kind of upstream, every order of
// questions, and the list says what the call would. Generated: a way that is added must agree with those that are there.

const revisions = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const
type Revision = (typeof revisions)[number]

const states = ['held', 'not entitled', 'not chosen', 'drifted', 'pending', 'revoked', 'suspended'] as const
type State = (typeof states)[number]

/** What the ledger says of a call, and what the client reads: the same everywhere. */
const expected: Record<State, string> = {
  held: 'intent, outcome success → 200',
  'not entitled': 'denial entitlement.missing → 403 gateway.denied',
  'not chosen': 'denial grant.tool_not_chosen → 403 gateway.denied',
  drifted: 'denial tool.drifted → 403 gateway.denied',
  pending: 'denial approval.pending → 200 isError',
  revoked: 'denial grant.revoked → 401 gateway.grant_ended',
  suspended: 'denial upstream.not_approved → 403 gateway.denied',
}
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
  pending: 'shown',
  revoked: '401 gateway.grant_ended',
  suspended: '403 gateway.denied',
}

const orders = ['at once', 'after the list', 'in a session', 'in a batch'] as const
type Order = (typeof orders)[number]

/** The kinds of question; each has its own items. */
const methods = {
  'tools/call': { list: 'tools/list', member: 'tools', key: 'name' },
  'prompts/get': { list: 'prompts/list', member: 'prompts', key: 'name' },
  'resources/read': { list: 'resources/list', member: 'resources', key: 'uri' },
  'completion/complete': { list: 'prompts/list', member: 'prompts', key: 'name' },
} as const
type Method = keyof typeof methods

function itemOf(method: Method, state: State): string {
  const own = state === 'revoked' || state === 'suspended' ? 'held' : state.replace(' ', '_')
  if (method === 'tools/call') return own === 'pending' ? 'delete_pending' : `read_${own}`
  return method === 'resources/read' ? `memo://${own}` : own
}

function paramsOf(method: Method, item: string): Record<string, unknown> {
  if (method === 'tools/call') return { name: item, arguments: {} }
  if (method === 'completion/complete')
    return { ref: { type: 'ref/prompt', name: item }, argument: { name: 'id', value: 'x' } }
  return method === 'resources/read' ? { uri: item } : { name: item }
}

/** The clients of one upstream: the right one for each state. */
interface Clients {
  way: Way
  main: Agent
  revoked: Agent
  suspended: Agent
  /** The sessions that they began before anything was withdrawn. */
  sessions: Map<string, string>
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

async function connect(house: House, way: Way, person: Person): Promise<Clients> {
  const [first, second] = [way.name, `${way.name}-2`]
  for (const name of [first, second]) await house.launchUpstream(name, way.launch)
  const chosen = ['read_held', 'read_drifted', 'delete_pending']
  const others = ['held', 'drifted'].flatMap((name) => [`prompt:${name}`, `resource:memo://${name}`])
  const entitled = [
    ...toolNames.filter((name) => name !== 'read_not_entitled'),
    ...(way.offers ? promptNames.filter((name) => name !== 'not_entitled') : []).flatMap((name) => [
      `prompt:${name}`,
      `resource:memo://${name}`,
    ]),
  ]
  for (const upstream of [first, second]) {
    const right = {
      by: 'set-up',
      principalId: person.principal.id,
      right: 'use',
      upstream,
      reason: 'for a test',
    } as const
    await house.rooms.inventory.entitle({ ...right, tools: entitled })
  }
  const choice = [...chosen, ...(way.offers ? others : [])]
  const clients: Clients = {
    way,
    main: await person.connect(first, choice),
    revoked: await person.connect(first, choice),
    suspended: await person.connect(second, choice),
    sessions: new Map(),
  }
  for (const role of ['main', 'revoked', 'suspended'] as const) {
    for (const revision of revisions.slice(0, -1)) {
      clients.sessions.set(`${role} ${revision}`, await begin(clients[role], revision))
    }
  }
  return clients
}

async function spoil(house: House, { way, main, revoked }: Clients): Promise<void> {
  const { inventory, oauth, gateway } = house.rooms
  assert.equal((await main.call('delete_pending', {})).result['isError'], true)
  way.drift()
  await gateway.look((await inventory.findUpstream(way.name))!)
  await oauth.revokeGrant({ by: 'set-up', id: revoked.grantId, reason: 'for a test' })
  await inventory.stepUpstream({ by: 'set-up', name: `${way.name}-2`, to: 'suspended', reason: 'for a test' })
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
  clients: Clients,
  of: { revision: Revision; order: Order; method: Method; state: State },
): Promise<Cell> {
  const { revision, order, method, state } = of
  const role = roleFor(state)
  const agent = clients[role]
  const item = itemOf(method, state)
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
  const story = placed.map(({ entry }) =>
    entry.kind === 'denial'
      ? `denial ${entry.reason}`
      : entry.kind === 'outcome'
        ? `outcome ${entry.status}`
        : entry.kind,
  )
  const where = [method, clients.way.name, revision, order].join(' · ')
  return { where, state, found: `${story.join(', ')} → ${tell(answer, batch)}`, due: dueFor(of) }
}

function dueFor({ order, method, state }: { order: Order; method: Method; state: State }): string {
  const ofBatch = order === 'in a batch' ? expectedOfBatch[state] : undefined
  if (ofBatch !== undefined) return ofBatch
  return state === 'not entitled' && method !== 'tools/call' ? hiddenElsewhere : expected[state]
}

async function listCell(clients: Clients, of: { revision: Revision; method: Method; state: State }): Promise<Cell> {
  const { revision, method, state } = of
  const { list, member, key } = methods[method]
  const answer = await post(clients[roleFor(state)], { revision, method: list, params: {} })
  const where = [list, clients.way.name, revision].join(' · ')
  const due = expectedInList[state]
  if (answer.error !== undefined) return { where, state, found: tell(answer, false), due }
  const items = (answer.result[member] as Record<string, unknown>[]).map((one) => one[key])
  return { where, state, found: items.includes(itemOf(method, state)) ? 'shown' : 'hidden', due }
}

async function fill(house: House, clients: Clients): Promise<Cell[]> {
  const cells: Cell[] = []
  const asked = (clients.way.offers ? Object.keys(methods) : ['tools/call']) as Method[]
  for (const method of asked) {
    for (const state of states) {
      // Only a call that destroys waits for an approval.
      if (state === 'pending' && method !== 'tools/call') continue
      for (const revision of revisions) {
        for (const order of orders) {
          if (order === 'in a session' && revision === '2026-07-28') continue
          if (order === 'in a batch' && revision !== '2025-03-26') continue
          cells.push(await callCell(house, clients, { revision, order, method, state }))
        }
        cells.push(await listCell(clients, { revision, method, state }))
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

async function openMatrix(t: TestContext): Promise<{ house: House; all: Clients[] }> {
  const ways = await openWays(t)
  const house = await openHouse(t, { reach: ways.reach, yaml: ways.yaml })
  const person = await house.person('ana')
  const all: Clients[] = []
  for (const way of ways.all) all.push(await connect(house, way, person))
  for (const clients of all) await spoil(house, clients)
  return { house, all }
}

test('the same question gets the same decision by every revision, kind of upstream and order, and lists agree', async (t) => {
  const { house, all } = await openMatrix(t)
  const cells: Cell[] = []
  for (const clients of all) cells.push(...(await fill(house, clients)))
  const odd = cells.filter(({ found, due }) => found !== due)
  t.diagnostic(`${cells.length} questions, ${odd.length} with another answer`)
  assert.equal(odd.length, 0, `\n${tableOf(odd)}`)
})
