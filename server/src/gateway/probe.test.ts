import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../base/fault.ts'
import { probeLimits, probeUpstream } from './probe.ts'
import type { UpstreamConnection } from './upstream/upstream-kind.ts'

const learnt = {
  era: 'legacy',
  protocolVersion: '2025-11-25',
  serverName: 'n',
  serverVersion: '1',
  instructions: undefined,
  capabilities: { tools: {} },
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
  const { digest, ...rest } = found
  assert.match(digest, /^[\w+/]{43}=$/)
  assert.deepEqual(rest, {
    learnt,
    definitions: tools,
    prompts: undefined,
    resources: undefined,
    templates: undefined,
  })
})

const refusals: Record<string, (cursor: string | undefined) => Record<string, unknown>> = {
  'a list that is no list': () => ({ tools: {} }),
  'pages that go round in circles': () => ({ tools: [], nextCursor: 'again' }),
  'pages without end': (cursor) => ({ tools: [], nextCursor: `${Number(cursor ?? 0) + 1}` }),
  'a cursor that is no string': () => ({ tools: [], nextCursor: 1 }),
  'more tools than anybody could review': () => ({
    tools: Array.from({ length: probeLimits.items + 1 }, (_, n) => ({ name: `t${n}` })),
  }),
  'definitions beyond the bound': () => ({ tools: [{ name: 'a', description: 'x'.repeat(probeLimits.bytes) }] }),
}

for (const [name, page] of Object.entries(refusals)) {
  test(`a probe refuses ${name}, whole`, async () => {
    await assert.rejects(probeUpstream(offering(page)), { code: 'gateway.upstream_bad_reply' })
  })
}

test('a probe asks for the lists that the upstream declares, and takes a method that it lacks for an empty one', async () => {
  const pages: Record<string, Record<string, unknown>> = {
    'tools/list': { tools: [] },
    'prompts/list': { prompts: [{ name: 'p' }] },
    'resources/list': { resources: [{ uri: 'memo://1' }] },
  }
  const asked: string[] = []
  const found = await probeUpstream({
    ...offering(() => ({})),
    learn: async () => ({ ...learnt, capabilities: { prompts: {}, resources: {} } }),
    ask: async ({ method }) => {
      asked.push(method)
      const page = pages[method]
      if (page === undefined) throw new Fault('gateway.upstream_error', 'no', { data: { rpcCode: -32601 } })
      return page
    },
  })
  assert.deepEqual(asked, ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'])
  assert.deepEqual(
    [found.prompts, found.resources, found.templates],
    [[{ name: 'p' }], [{ uri: 'memo://1' }], undefined],
  )
})

test('a probe in which a declared list fails finds nothing at all', async () => {
  const connection: UpstreamConnection = {
    ...offering(() => ({})),
    learn: async () => ({ ...learnt, capabilities: { prompts: {} } }),
    ask: async ({ method }) => {
      if (method === 'tools/list') return { tools: [] }
      throw new Fault('gateway.upstream_error', 'no', { data: { rpcCode: -32603 } })
    },
  }
  await assert.rejects(probeUpstream(connection), { code: 'gateway.upstream_error' })
})

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
