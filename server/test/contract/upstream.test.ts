import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { Fault } from '../../src/base/fault.ts'
import { probeUpstream } from '../../src/gateway/probe.ts'
import {
  mayHaveHappened,
  type ResolvedLaunch,
  type UpstreamConnection,
  type UpstreamNeeds,
} from '../../src/gateway/upstream/upstream-kind.ts'
import { findSandbox } from '../../src/gateway/upstream/sandbox.ts'
import type { Receipt } from '../../src/ledger/intent.ts'
import { behaviourNames } from '../fake/fake-tools.ts'
import { until } from '../patience.ts'
import { openReceipts } from '../receipts.ts'
import {
  callOf,
  collect,
  connectUpstream,
  launchOf,
  resultOf,
  type CallOptions,
  type Connection,
} from '../upstream-client.ts'
import { contractPaths, openHttpApi } from '../fake/http-api.ts'
import { leftOut } from '../left-out.ts'
import { openFakeMcpServer, type FakeOptions } from '../fake/mcp-server.ts'
import { openSseServer } from '../fake/sse-server.ts'

// What every kind of upstream must do, whatever era the server behind it speaks.
const receipts = await openReceipts()
after(() => receipts.close())
const never = new AbortController().signal

const sandbox = await findSandbox()
const unconfined = leftOut(sandbox.works, sandbox.works ? '' : sandbox.why)

const secret = 'a-sealed-value'
/** Nothing listens there: the port is reserved. */
const nowhere = 'http://127.0.0.1:1'

interface Behind {
  launch: ResolvedLaunch
  era: 'legacy' | 'modern'
  /** The `tools/call` and `notifications/cancelled` that reached the server, with their parameters. */
  heard(method: string): Record<string, unknown>[]
  /** Whether a call that was cancelled was seen to be. */
  sawCancel(): boolean
  /** What it offers, where that is not every behaviour of the fakes. */
  tools?: string[]
  credential: Awaited<ReturnType<UpstreamNeeds['credential']>>
  /** Whether the server has that credential. */
  sawCredential(connection: UpstreamConnection): Promise<boolean>
  /** The same kind where nothing answers. */
  nowhere: ResolvedLaunch
}

interface Case {
  era: 'legacy' | 'modern'
  /** Behind it is no MCP server: what only such a server says is not said. */
  plain?: true
  open(t: TestContext): Promise<Behind>
}

const cases: Record<string, Case> = {
  'stdio, legacy': { era: 'legacy', open: (t) => behindStdio(t, 'legacy') },
  'stdio, modern': { era: 'modern', open: (t) => behindStdio(t, 'modern') },
  'stdio, one for each principal': { era: 'legacy', open: (t) => behindStdio(t, 'legacy', 'per_principal') },
  ...(unconfined === false && {
    'stdio, confined': { era: 'legacy', open: (t) => behindStdio(t, 'legacy', 'confined') },
  }),
  'http, legacy without sessions': httpCase({ era: 'legacy' }),
  'http, legacy with sessions': httpCase({ era: 'legacy', sessions: true }),
  'http, legacy, everything a stream': httpCase({ era: 'legacy', sessions: true, streams: true }),
  'http, modern': httpCase({ era: 'modern' }),
  'http, modern, everything a stream': httpCase({ era: 'modern', streams: true }),
  sse: { era: 'legacy', open: behindSse },
  openapi: { era: 'legacy', plain: true, open: behindOpenApi },
}

function httpCase(options: Partial<FakeOptions> & { era: 'legacy' | 'modern' }): Case {
  return { era: options.era, open: (t) => behindHttp(t, options) }
}

async function behindStdio(t: TestContext, era: 'legacy' | 'modern', how = 'shared'): Promise<Behind> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-upstream-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const journal = join(folder, 'journal')
  writeFileSync(journal, '')
  const script = join(import.meta.dirname, '../fake/stdio-server.ts')
  const options = JSON.stringify({ journal, era, pageSize: 4 })
  const heard = (method: string) =>
    readFileSync(journal, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { method?: string; params?: Record<string, unknown> })
      .flatMap((message) => (message.method === method ? [message.params ?? {}] : []))
  return {
    era,
    launch: launchOf(
      { script, args: [options], folder, process: how === 'per_principal' ? how : 'shared' },
      how === 'confined' ? { sandbox: 'required', readable: [join(import.meta.dirname, '../..')] } : {},
    ),
    heard,
    sawCancel: () => heard('notifications/cancelled').length === 1,
    credential: { placement: 'env', values: { TOKEN: secret } },
    sawCredential: async (connection) =>
      JSON.stringify((await call(connection, 'environment')).answer).includes(secret),
    nowhere: launchOf({ script, folder, command: '/no/such/program' }),
  }
}

async function behindHttp(
  t: TestContext,
  options: Partial<FakeOptions> & { era: 'legacy' | 'modern' },
): Promise<Behind> {
  const fake = await openFakeMcpServer({ pageSize: 4, ...options })
  t.after(() => fake.close())
  return {
    era: options.era,
    launch: { kind: 'http', url: fake.url },
    heard: (method) =>
      fake.journal.flatMap(({ message }) => (message?.method === method ? [message.params ?? {}] : [])),
    // A session is told in words; elsewhere closing the connection says it.
    sawCancel: () =>
      fake.journal.some((heard) => heard.abandoned) &&
      (options.sessions !== true || fake.journal.some(({ message }) => message?.method === 'notifications/cancelled')),
    credential: { placement: 'headers', values: { Authorization: `Bearer ${secret}` } },
    sawCredential: async () => fake.journal.every(({ headers }) => headers.authorization === `Bearer ${secret}`),
    nowhere: { kind: 'http', url: nowhere },
  }
}

async function behindSse(t: TestContext): Promise<Behind> {
  const fake = await openSseServer()
  t.after(() => fake.close())
  const heard = (method: string) =>
    fake.journal.flatMap(({ message }) => (message.method === method ? [message.params ?? {}] : []))
  const authorization = `Bearer ${secret}`
  return {
    era: 'legacy',
    launch: { kind: 'sse', url: fake.url },
    heard,
    sawCancel: () => heard('notifications/cancelled').length === 1,
    credential: { placement: 'headers', values: { Authorization: authorization } },
    sawCredential: async () =>
      [...fake.streams, ...fake.journal.map(({ headers }) => headers)].every(
        (headers) => headers.authorization === authorization,
      ),
    nowhere: { kind: 'sse', url: nowhere },
  }
}

async function behindOpenApi(t: TestContext): Promise<Behind> {
  const api = await openHttpApi()
  t.after(() => api.close())
  const calls = () =>
    api.journal.map(({ url }) => {
      const { pathname, searchParams } = new URL(url, api.url)
      const args = [...searchParams].map(([name, value]) => [name, JSON.parse(value)])
      return { name: pathname.split('/').at(-1), arguments: Object.fromEntries(args) }
    })
  return {
    era: 'legacy',
    launch: { kind: 'openapi', file: api.file, server: undefined },
    heard: (method) => (method === 'tools/call' ? calls() : []),
    sawCancel: () => api.journal.some(({ abandoned }) => abandoned),
    tools: Object.keys(contractPaths).map((path) => path.slice(1)),
    credential: { placement: 'headers', values: { Authorization: `Bearer ${secret}` } },
    sawCredential: async () => api.journal.every(({ headers }) => headers.authorization === `Bearer ${secret}`),
    nowhere: { kind: 'openapi', file: api.file, server: nowhere },
  }
}

interface Connected extends Connection {
  behind: Behind
}

async function connect(t: TestContext, one: Case): Promise<Connected> {
  const behind = await one.open(t)
  return { behind, ...connectUpstream(t, behind.launch) }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Fault ? error.code : undefined
}

async function call(connection: UpstreamConnection, name: string, options: CallOptions = {}) {
  return collect(await connection.send(await receipts.next(), callOf(name, options), never))
}

const eras = ['legacy', 'modern'] as const

/** What only an MCP server says. */
function mcpTests(name: string, one: Case): void {
  test(`${name}: what the server says of its progress arrives before the answer, with the caller's token`, async (t) => {
    const { behind, connection } = await connect(t, one)
    const { before, answer } = await call(connection, 'progress', { progressToken: 'p1', era: behind.era })
    const progress = before.flatMap(({ message }) =>
      'method' in message && message.method === 'notifications/progress' ? [message.params] : [],
    )
    assert.deepEqual(progress, [
      { progressToken: 'p1', progress: 1, total: 2 },
      { progressToken: 'p1', progress: 2, total: 2 },
    ])
    assert.deepEqual(resultOf(answer)['content'], [{ type: 'text', text: 'done' }])
    for (const { text, message } of before) assert.deepEqual(JSON.parse(text), message)
  })

  test(`${name}: an error of the server passes as it is`, async (t) => {
    const { connection } = await connect(t, one)
    for (const era of eras) {
      const { answer } = await call(connection, 'fail', { id: 'e', era })
      assert.deepEqual(answer, { jsonrpc: '2.0', id: 'e', error: { code: -32602, message: 'no such thing' } })
    }
  })

  test(`${name}: leaving a stream early cancels the call at the server`, async (t) => {
    const { behind, connection } = await connect(t, one)
    const reply = await connection.send(
      await receipts.next(),
      callOf('hang', { progressToken: 'p', era: behind.era }),
      never,
    )
    assert.equal(reply.kind, 'stream')
    if (reply.kind === 'stream') for await (const event of reply.events) if ('method' in event.message) break
    await until(() => behind.sawCancel(), 'the upstream is told that the call is cancelled')
  })

  if (one.era === 'legacy')
    test(`${name}: what the server asks of the client is refused where nobody can be asked`, async (t) => {
      const { connection } = await connect(t, one)
      const { before, answer } = await call(connection, 'ask_client')
      const content = resultOf(answer)['content'] as { text: string }[]
      assert.deepEqual(JSON.parse(content[0]!.text), { error: { code: -32601, message: 'method not found' } })
      assert.deepEqual(before, [])
    })

  if (one.era === 'modern')
    test(`${name}: a request for input passes as it is, whoever the gateway has to ask`, async (t) => {
      const { connection } = await connect(t, one)
      const modern = resultOf((await call(connection, 'ask_input', { era: 'modern' })).answer)
      assert.equal(modern['resultType'], 'input_required')
      assert.equal(modern['requestState'], 'state')
      const legacy = resultOf((await call(connection, 'ask_input', { era: 'legacy' })).answer)
      assert.deepEqual(legacy, modern)
    })

  test(`${name}: a changed list is told, and is not passed to the caller`, async (t) => {
    const { behind, connection, listChanges } = await connect(t, one)
    const { before } = await call(connection, 'grow')
    assert.equal(listChanges(), 1)
    assert.deepEqual(before, [])
    // Where each principal has a process, it is that one's list that has grown.
    if (behind.launch.kind === 'stdio' && behind.launch.process === 'per_principal') return
    const { definitions } = await probeUpstream(connection)
    assert.equal((definitions.at(-1) as { name: string }).name, 'grown')
  })
}

/** What is said by an API that knows nothing of MCP. */
function plainTests(name: string, one: Case): void {
  test(`${name}: an error of the API is the result of the call, and says so`, async (t) => {
    const { connection } = await connect(t, one)
    const result = resultOf((await call(connection, 'wrong')).answer)
    assert.deepEqual(result, {
      content: [{ type: 'text', text: 'status 422: {"error":"it went wrong"}' }],
      isError: true,
    })
  })
}

if (unconfined !== false) test('stdio, confined: all that every kind must do', { skip: unconfined }, () => undefined)

for (const [name, one] of Object.entries(cases)) {
  test(`${name}: a call reaches the server once, with its arguments, and its answer carries the caller's id`, async (t) => {
    const { behind, connection } = await connect(t, one)
    for (const id of [7, 'seven']) {
      const { answer } = await call(connection, 'echo', { id, args: { a: [1, 'ü'] }, era: behind.era })
      assert.equal(answer.id, id)
      assert.deepEqual(resultOf(answer)['content'], [{ type: 'text', text: '{"a":[1,"ü"]}' }])
    }
    const calls = behind.heard('tools/call').map((params) => [params['name'], params['arguments']])
    assert.deepEqual(calls, [
      ['echo', { a: [1, 'ü'] }],
      ['echo', { a: [1, 'ü'] }],
    ])
  })

  for (const era of eras) {
    test(`${name}: a ${era} client gets what its era knows, and the server hears what its own era knows`, async (t) => {
      const { behind, connection } = await connect(t, one)
      const { answer } = await call(connection, 'echo', { era })
      assert.equal(resultOf(answer)['resultType'], era === 'modern' ? 'complete' : undefined)
      const meta = (behind.heard('tools/call')[0]!['_meta'] ?? {}) as Record<string, unknown>
      const version = meta['io.modelcontextprotocol/protocolVersion']
      assert.equal(version, behind.era === 'modern' ? '2026-07-28' : undefined)
      if (behind.era === 'modern') assert.deepEqual(meta['io.modelcontextprotocol/clientCapabilities'], {})
    })
  }

  if (one.plain) plainTests(name, one)
  else mcpTests(name, one)

  test(`${name}: callers that use the same id and token at the same time get their own answers`, async (t) => {
    const { behind, connection } = await connect(t, one)
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => {
        const callerKey = `grant-${index % 3}`
        return call(connection, 'echo', { id: 1, progressToken: 'p', args: { index }, callerKey, era: behind.era })
      }),
    )
    const texts = answers.map(({ answer }) => (resultOf(answer)['content'] as { text: string }[])[0]!.text)
    assert.deepEqual(
      texts,
      Array.from({ length: 12 }, (_, index) => `{"index":${index}}`),
    )
    assert.deepEqual([...new Set(answers.map(({ answer }) => answer.id))], [1])
  })

  test(`${name}: an answer keeps its digits and its escapes`, async (t) => {
    const { connection } = await connect(t, one)
    for (const era of eras) {
      const { text } = await call(connection, 'big_number', { era })
      assert.ok(text.includes('"structuredContent":{"id":12345678901234567890,"half":1.50}'), text)
    }
  })

  test(`${name}: aborting cancels the call at the server`, async (t) => {
    const { behind, connection } = await connect(t, one)
    const stop = new AbortController()
    const sent = connection.send(await receipts.next(), callOf('hang', { era: behind.era }), stop.signal).then(collect)
    await Promise.all([
      assert.rejects(
        sent,
        (error) => error instanceof Fault && error.code === 'gateway.cancelled' && mayHaveHappened(error),
      ),
      until(() => behind.heard('tools/call').length === 1, 'the call arrived').then(() => stop.abort()),
    ])
    await until(() => behind.sawCancel(), 'the upstream is told that the call is cancelled')
    const { answer } = await call(connection, 'echo', { era: behind.era })
    assert.ok('result' in answer, 'others are served on')
  })

  test(`${name}: a signal that is aborted already sends nothing`, async (t) => {
    const { behind, connection } = await connect(t, one)
    await call(connection, 'echo')
    await assert.rejects(connection.send(await receipts.next(), callOf('echo'), AbortSignal.abort()), {
      code: 'gateway.cancelled',
    })
    assert.equal(behind.heard('tools/call').length, 1)
  })

  test(`${name}: a server that goes away during the call leaves the outcome unknown, and the next call is served`, async (t) => {
    const { behind, connection } = await connect(t, one)
    await assert.rejects(
      call(connection, 'vanish', { era: behind.era }),
      (error) => error instanceof Fault && error.code === 'gateway.upstream_lost' && mayHaveHappened(error),
    )
    assert.equal(behind.heard('tools/call').length, 1, 'it is never sent twice')
    const { answer } = await call(connection, 'echo', { era: behind.era })
    assert.ok('result' in answer)
  })

  test(`${name}: a call without a genuine receipt, or with one that was used, sends nothing`, async (t) => {
    const { behind, connection } = await connect(t, one)
    const used = await receipts.next()
    await collect(await connection.send(used, callOf('echo'), never))
    const forged = { callId: used.callId, seq: used.seq, at: used.at } as Receipt
    for (const receipt of [used, forged, undefined as unknown as Receipt]) {
      await assert.rejects(connection.send(receipt, callOf('echo'), never), TypeError)
    }
    assert.equal(behind.heard('tools/call').length, 1)
  })

  test(`${name}: only control methods can be asked without a receipt`, async (t) => {
    const { behind, connection } = await connect(t, one)
    await connection.learn(never)
    const request = { method: 'tools/call' as 'ping', params: { name: 'echo', arguments: {} } }
    await assert.rejects(connection.ask(request, never), TypeError)
    assert.equal(behind.heard('tools/call').length, 0)
  })

  test(`${name}: a probe learns the era, the name and all pages of the tools`, async (t) => {
    const { behind, connection } = await connect(t, one)
    const { learnt, definitions } = await probeUpstream(connection)
    assert.equal(learnt.era, behind.era)
    assert.equal(learnt.protocolVersion, behind.era === 'modern' ? '2026-07-28' : '2025-11-25')
    assert.match(learnt.serverName, /^fake-/)
    assert.match(learnt.instructions ?? '', /^Be /)
    assert.deepEqual(
      definitions.map((tool) => (tool as { name: string }).name),
      behind.tools ?? ['echo', ...behaviourNames],
    )
  })

  test(`${name}: its credential reaches the server, and no log`, async (t) => {
    const behind = await one.open(t)
    const { connection, logged } = connectUpstream(t, behind.launch, { credential: async () => behind.credential })
    await call(connection, 'echo', { era: behind.era })
    assert.ok(await behind.sawCredential(connection))
    assert.ok(!logged.join('\n').includes(secret))
  })

  test(`${name}: where nothing answers, nothing was done, and that is known`, async (t) => {
    const behind = await one.open(t)
    const { connection } = connectUpstream(t, behind.nowhere)
    await assert.rejects(
      call(connection, 'echo'),
      (error) => codeOf(error) === 'gateway.upstream_unreachable' && !mayHaveHappened(error),
    )
  })

  test(`${name}: an answer that is larger than may pass does not, and the next call is served`, async (t) => {
    const { behind, connection } = await connect(t, one)
    const outcome = await call(connection, 'huge', { era: behind.era }).then(
      ({ answer }) => ('result' in answer ? answer.result['isError'] : undefined),
      (error: unknown) => codeOf(error),
    )
    assert.ok([true, 'gateway.upstream_bad_reply', 'gateway.upstream_lost'].includes(outcome as true), String(outcome))
    assert.ok('result' in (await call(connection, 'echo', { era: behind.era })).answer)
  })

  test(`${name}: a closed connection sends nothing more`, async (t) => {
    const { behind, connection } = await connect(t, one)
    await call(connection, 'echo')
    await connection.close()
    await assert.rejects(
      call(connection, 'echo'),
      (error) => error instanceof Fault && error.code === 'gateway.upstream_unreachable' && !mayHaveHappened(error),
    )
    assert.equal(behind.heard('tools/call').length, 1)
  })
}
