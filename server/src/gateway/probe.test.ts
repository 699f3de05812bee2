import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probeLimits, probeUpstream } from './probe.ts'
import type { UpstreamConnection } from './upstream/upstream-kind.ts'

const learnt = {
  era: 'legacy',
  protocolVersion: '2025-11-25',
  serverName: 'n',
  serverVersion: '1',
  instructions: undefined,
} as const

function offering(page: (cursor: string | undefined) => Record<string, unknown>): UpstreamConnection {
  return {
    learn: async () => learnt,
    ask: async ({ method, params }) => {
      assert.equal(method, 'tools/list')
      return page(params?.['cursor'] as string | undefined)
    },
    send: () => Promise.reject(new Error('a probe calls nothing')),
    close: async () => undefined,
  }
}

test('a probe returns the definitions as they were given, of all pages, in their order', async () => {
  const tools = [{ name: 'b', annotations: { x: 1 } }, { name: 'a', 'x-odd': [1] }, { name: 'c' }]
  const found = await probeUpstream(
    offering((cursor) => ({
      tools: [tools[Number(cursor ?? 0)]],
      ...(cursor === '2' ? { nextCursor: null } : { nextCursor: String(Number(cursor ?? 0) + 1) }),
    })),
  )
  assert.deepEqual(found, { learnt, definitions: tools })
})

const refusals: Record<string, (cursor: string | undefined) => Record<string, unknown>> = {
  'a list that is no list': () => ({ tools: {} }),
  'pages that go round in circles': () => ({ tools: [], nextCursor: 'again' }),
  'pages without end': (cursor) => ({ tools: [], nextCursor: `${Number(cursor ?? 0) + 1}` }),
  'a cursor that is no string': () => ({ tools: [], nextCursor: 1 }),
  'more tools than anybody could review': () => ({
    tools: Array.from({ length: probeLimits.tools + 1 }, (_, n) => ({ name: `t${n}` })),
  }),
  'definitions beyond the bound': () => ({ tools: [{ name: 'a', description: 'x'.repeat(probeLimits.bytes) }] }),
}

for (const [name, page] of Object.entries(refusals)) {
  test(`a probe refuses ${name}, whole`, async () => {
    await assert.rejects(probeUpstream(offering(page)), { code: 'gateway.upstream_bad_reply' })
  })
}

test('a probe leaves entries that nobody can accept to the inventory, so that they hide no other', async () => {
  const tools = [{ name: 'a' }, 'x', { name: '' }, { name: 'a', description: 'other' }, { name: 'b' }]
  assert.deepEqual((await probeUpstream(offering(() => ({ tools })))).definitions, tools)
})

test('a probe that is ended asks nothing more', async () => {
  const stop = new AbortController()
  const connection: UpstreamConnection = {
    ...offering(() => ({ tools: [] })),
    learn: async (signal) => {
      stop.abort(new Error('enough'))
      signal.throwIfAborted()
      return learnt
    },
  }
  await assert.rejects(probeUpstream(connection, stop.signal), { message: 'enough' })
})
