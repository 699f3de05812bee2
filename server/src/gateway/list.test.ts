import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PinnedCatalogue } from '../inventory/catalogue.ts'
import type { Entitlement } from '../model/rights.ts'
import type { Caller } from '../oauth/access-token.ts'
import type { Feed } from '../store/feed.ts'
import type { About } from '../store/revisions.ts'
import { FactSource } from './facts.ts'
import { Lists } from './list.ts'

// What is remembered of lists is shared by those who see the same, and by nobody else; and it is forgotten in time.

const hour = 3_600_000

/** Lists on a feed and a clock of the test's own: `desk` has two tools, and who is entitled to what is said below. */
function openLists(rights: Record<string, { tool: string; endsAt?: number }[]>) {
  const state = { revision: 1, now: 1_800_000_000_000, read: 0, description: 'as accepted' }
  const listeners = new Set<(about: About, revision: number) => void>()
  const feed = {
    get revision() {
      return state.revision
    },
    isFresh: () => true,
    catchUp: async () => undefined,
    subscribe: (listener: (about: About, revision: number) => void) => listeners.add(listener),
    close: async () => undefined,
  } as unknown as Feed
  const sources = {
    findPrincipal: async (id: string) => ({ id, state: 'active' }),
    findClient: async (id: string) => ({ id, state: 'active' }),
    findGrant: async (id: string) => grantOf(id, state.now),
    readPinned: async () => {
      state.read++
      return catalogueOf(state.description)
    },
    listEntitlements: async ({ principalId }: { principalId: string }) =>
      rights[principalId]!.map((one) => entitlementOf(principalId, one)),
  } as unknown as ConstructorParameters<typeof FactSource>[0]['sources']
  const facts = new FactSource({ feed, sources, clock: { now: () => state.now, monotonic: () => 0 } })
  const lists = new Lists(facts)
  return {
    state,
    text: async (principalId: string) => lists.text(await facts.view(callerOf(principalId)), 'tool'),
    news(about: About) {
      state.revision++
      for (const listener of listeners) listener(about, state.revision)
    },
  }
}

function callerOf(principalId: string): Caller {
  const grantId = `grant of ${principalId}`
  return { principalId, clientId: 'c', grantId, upstream: 'desk', key: grantId } as Caller
}

function grantOf(id: string, now: number) {
  const tools = new Map([
    ['read', 'digest of read'],
    ['write', 'digest of write'],
  ])
  const principalId = id.replace('grant of ', '')
  return { id, principalId, clientId: 'c', upstream: 'desk', endsAt: now + 24 * hour, revokedAt: undefined, tools }
}

function entitlementOf(principalId: string, { tool, endsAt }: { tool: string; endsAt?: number }): Partial<Entitlement> {
  const id = `${principalId} ${tool}`
  return { id, principalId, right: 'use', upstream: 'desk', tool, endsAt, revokedAt: undefined }
}

function catalogueOf(description: string): PinnedCatalogue {
  const tools = ['read', 'write'].map((name) => {
    const digest = `digest of ${name}`
    const tool = { upstream: 'desk', name, pin: 'pinned', digest, liveDigest: digest, effect: 'read' }
    return [name, { tool, definition: { name, description, inputSchema: { type: 'object' } } }]
  })
  const upstream = { name: 'desk', state: 'approved', ceiling: 'destructive', proof: 'optional' }
  return { upstream, tools: new Map(tools as never) } as unknown as PinnedCatalogue
}

const named = (text: Uint8Array) =>
  (JSON.parse(Buffer.from(text).toString()) as { name: string }[]).map((it) => it.name)
const both = [{ tool: 'read' }, { tool: 'write' }]

test('callers who are shown the same share its bytes; whoever is shown less has others', async () => {
  const { text } = openLists({ ana: both, bo: both, cy: [{ tool: 'read' }] })
  const [ana, bo, cy] = [await text('ana'), await text('bo'), await text('cy')]
  assert.equal(ana, bo)
  assert.deepEqual([named(ana), named(cy)], [['read', 'write'], ['read']])
  assert.equal(await text('ana'), ana, 'and it is not written again')
})

test('news of a right leave what is written, and are obeyed', async () => {
  const rights = { ana: [...both], bo: both }
  const { text, news, state } = openLists(rights)
  const before = await text('ana')
  rights.ana = [{ tool: 'write' }]
  news({ kind: 'entitlement', id: 'ana' })
  assert.deepEqual(named(await text('ana')), ['write'])
  assert.equal(await text('bo'), before)
  assert.equal(state.read, 1, 'what the upstream offers is not read again')
})

for (const kind of ['tool', 'upstream'] as const) {
  test(`news of a ${kind} forget every definition`, async () => {
    const { text, news, state } = openLists({ ana: both })
    await text('ana')
    state.description = 'as accepted anew'
    news({ kind, id: 'desk' })
    assert.match(Buffer.from(await text('ana')).toString(), /as accepted anew/)
  })
}

test('a right that ends by time is gone from the list at that instant, without news', async () => {
  const end = 1_800_000_000_000 + hour
  const { text, state } = openLists({ ana: [{ tool: 'read' }, { tool: 'write', endsAt: end }] })
  assert.deepEqual(named(await text('ana')), ['read', 'write'])
  state.now = end - 1
  assert.deepEqual(named(await text('ana')), ['read', 'write'])
  state.now = end
  assert.deepEqual(named(await text('ana')), ['read'])
})
