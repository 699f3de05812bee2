import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { systemClock, type Clock } from '../src/base/clock.ts'
import { openDialer } from '../src/base/dial.ts'
import type { RpcResponse } from '../src/gateway/upstream/message.ts'
import type {
  ReplyEvent,
  ResolvedLaunch,
  Sandbox,
  StdioLaunch,
  UpstreamConnection,
  UpstreamNeeds,
  UpstreamReply,
  UpstreamRequest,
  UpstreamSpec,
} from '../src/gateway/upstream/upstream-kind.ts'
import { findSandbox } from '../src/gateway/upstream/sandbox.ts'
import { kindsOfUpstream } from '../src/gateway/upstreams.ts'

/** A connection as the gateway would open it, and what it told. */
export interface Connection {
  connection: UpstreamConnection
  listChanges: () => number
  /** What was logged, as text. */
  logged: string[]
}

/** Connects to an upstream for one test, through the real way out, which is told to allow it unless `refused`. */
export function connectUpstream(
  t: TestContext,
  launch: ResolvedLaunch,
  more: {
    credential?: UpstreamNeeds['credential']
    onNonce?: UpstreamNeeds['onNonce']
    learnt?: UpstreamSpec['learnt']
    clock?: Clock
    refused?: boolean
    sandbox?: () => Promise<Sandbox>
  } = {},
): Connection {
  const hosts = more.refused === true ? [] : hostsOf(launch)
  const dialer = openDialer({ upstreams: new Map([['fake', hosts]]) })
  const logged: string[] = []
  const note = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`)
  let changes = 0
  const connection = kindsOfUpstream[launch.kind].open(
    { name: 'fake', launch, learnt: more.learnt },
    {
      clock: more.clock ?? systemClock,
      log: { debug: note, warn: note },
      credential: more.credential ?? (async () => undefined),
      onNonce: more.onNonce,
      dispatcher: dialer.upstream('fake'),
      sandbox: more.sandbox ?? findSandbox,
      onListChanged: () => changes++,
    },
  )
  t.after(async () => {
    await connection.close()
    await dialer.close()
  })
  return { connection, listChanges: () => changes, logged }
}

/** Where it will be dialled. */
function hostsOf(launch: ResolvedLaunch): string[] {
  if (launch.kind === 'stdio') return []
  if ('url' in launch) return [new URL(launch.url).host]
  if (!('file' in launch)) return [new URL(launch.server).host]
  const { servers } = JSON.parse(readFileSync(launch.file, 'utf8')) as { servers: { url: string }[] }
  return [launch.server ?? servers[0]!.url].map((url) => new URL(url).host)
}

/** A script that Node runs as an upstream, and how else it is launched. */
export function launchOf(
  of: { script: string; folder: string } & Partial<Omit<StdioLaunch, 'confine'>>,
  confine: Partial<StdioLaunch['confine']> = {},
): StdioLaunch {
  const { script, args = [], ...more } = of
  return {
    kind: 'stdio',
    command: process.execPath,
    args: [script, ...args],
    env: {},
    process: 'shared',
    processesMax: 4,
    ...more,
    confine: { sandbox: 'off', network: false, readable: [], writable: [], hidden: [], ...confine },
  }
}

/** How a call differs from the plainest one. */
export interface CallOptions {
  id?: string | number
  args?: Record<string, unknown>
  era?: 'legacy' | 'modern'
  callerKey?: string
  principalId?: string
  capabilities?: Record<string, unknown>
  ask?: UpstreamRequest['ask']
  progressToken?: string
}

/** A `tools/call` as the gateway would hand it on. */
export function callOf(name: string, options: CallOptions = {}): UpstreamRequest {
  const modern = options.era === 'modern'
  const meta = {
    ...(modern && {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: 'a-client', version: '9' },
    }),
    ...(options.progressToken !== undefined && { progressToken: options.progressToken }),
  }
  const params = { name, arguments: options.args ?? {}, ...(Object.keys(meta).length > 0 && { _meta: meta }) }
  const message = { jsonrpc: '2.0' as const, id: options.id ?? 1, method: 'tools/call', params }
  return {
    message,
    text: JSON.stringify(message),
    protocolVersion: modern ? '2026-07-28' : '2025-11-25',
    callerKey: options.callerKey ?? 'grant-1',
    principalId: options.principalId,
    client: { info: { name: 'a-client', version: '9' }, capabilities: options.capabilities ?? {} },
    ask: options.ask,
  }
}

/** Everything that came of a call: the events before the answer, and the answer. */
export async function collect(
  reply: UpstreamReply,
): Promise<{ before: ReplyEvent[]; text: string; answer: RpcResponse }> {
  if (reply.kind === 'json') return { before: [], text: Buffer.from(reply.bytes).toString(), answer: reply.message }
  if (reply.kind === 'flow') {
    const parts: Uint8Array[] = []
    for (;;) {
      const { done, value } = await reply.parts.next()
      if (done === true) return { before: [], text: Buffer.concat(parts).toString(), answer: value.message }
      parts.push(value)
    }
  }
  const events: ReplyEvent[] = []
  for await (const event of reply.events) events.push(event)
  const last = events.pop()
  assert.ok(last !== undefined && !('method' in last.message), 'a stream ends with the answer')
  return { before: events, text: last.text, answer: last.message }
}

export function resultOf(answer: RpcResponse): Record<string, unknown> {
  assert.ok('result' in answer, JSON.stringify(answer))
  return answer.result
}
