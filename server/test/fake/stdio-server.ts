/**
 * A scriptable MCP server over stdio, run as a process: `node stdio-server.ts '<options as JSON>'`. It writes what it
 * hears to the journal file, a line a message, so that a test can tell what really reached it.
 */
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { spawn } from 'node:child_process'
import { behaviourNames, runTool, toolNamed, type ToolDefinition, type ToolIo } from './fake-tools.ts'

interface Options {
  journal: string
  era?: 'legacy' | 'modern'
  pageSize?: number
  /** Ends before it has answered anything. */
  stillborn?: boolean
  /** Starts a child of its own that ignores SIGTERM, and writes its process id to this file. */
  child?: string
  ignoresTerm?: boolean
  /** Ends by itself so long after the handshake. */
  endsAfterMs?: number
  /** What it offers beside the behaviours. */
  tools?: ToolDefinition[]
}

interface Message {
  id?: string | number
  method?: string
  params?: Record<string, unknown> & { _meta?: Record<string, unknown> }
  result?: Record<string, unknown>
  error?: Record<string, unknown>
}

const options = JSON.parse(process.argv[2] ?? '{}') as Options
const modern = options.era === 'modern'
const named = ['echo', ...behaviourNames].map((name) => toolNamed(name))
const tools: ToolDefinition[] = [...named, ...(options.tools ?? [])]
const asked = new Map<string, (answer: Record<string, unknown>) => void>()
let lastAsked = 0

if (options.stillborn === true) {
  process.stderr.write('cannot begin: no reason at all\n')
  process.exit(3)
}
if (options.ignoresTerm === true) process.on('SIGTERM', () => undefined)
if (options.child !== undefined) {
  const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM",()=>{});setInterval(()=>{},1000)'], {
    stdio: 'ignore',
  })
  appendFileSync(options.child, String(child.pid))
}
process.stderr.write(`begins with ${process.env['TOKEN'] ?? 'no token'}\n`)
process.stdout.write('this line is no message\n')

function say(message: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
}

function answer(id: string | number, result: Record<string, unknown>): void {
  if (result['structuredContent'] !== undefined) {
    const text = `{"result":{"content":[],"structuredContent":{"id":12345678901234567890,"half":1.50}},"id":${JSON.stringify(id)},"jsonrpc":"2.0"}`
    process.stdout.write(`${text}\n`)
    return
  }
  say({ id, result: modern ? { resultType: 'complete', ...result } : result })
}

function ioFor(message: Message): ToolIo {
  const id = message.id!
  const token = message.params?._meta?.['progressToken']
  return {
    progress: (progress) =>
      token !== undefined &&
      say({ method: 'notifications/progress', params: { progressToken: token, progress, total: 2 } }),
    log: (data) => say({ method: 'notifications/message', params: { level: 'info', data } }),
    request: (method, params) => {
      const requestId = `server-${++lastAsked}`
      say({ id: requestId, method, params })
      return new Promise((resolve) => asked.set(requestId, resolve))
    },
    ask: (method, params) => {
      const requestId = `server-${++lastAsked}`
      say({ id: requestId, method, params })
      return new Promise((resolve) => asked.set(requestId, resolve))
    },
    withdraw: () => say({ method: 'notifications/cancelled', params: { requestId: `server-${lastAsked}` } }),
    listChanged: () => say({ method: 'notifications/tools/list_changed' }),
    answer: (result) => answer(id, result),
    fail: (code, text) => say({ id, error: { code, message: text } }),
    vanish: () => process.exit(1),
    addTool: (tool) => tools.push(tool),
    environment: () => ({ env: process.env, cwd: process.cwd() }),
  }
}

function initialize(message: Message): void {
  if (modern) return say({ id: message.id, error: { code: -32601, message: 'Method not found' } })
  if (options.endsAfterMs !== undefined) setTimeout(() => process.exit(4), options.endsAfterMs)
  const protocolVersion = message.params?.['protocolVersion']
  answer(message.id!, {
    protocolVersion,
    capabilities: { tools: { listChanged: true } },
    serverInfo: { name: 'fake-stdio', version: '1.2.3' },
    instructions: 'Be kind.',
  })
}

function discover(message: Message): void {
  if (!modern) return say({ id: message.id, error: { code: -32601, message: 'Method not found' } })
  const serverInfo = { name: 'fake-stdio', version: '1.2.3' }
  answer(message.id!, {
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {} },
    instructions: 'Be kind.',
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo },
  })
}

function list(message: Message): void {
  const start = Number(message.params?.['cursor'] ?? 0)
  const end = start + (options.pageSize ?? tools.length)
  const more = end < tools.length ? { nextCursor: String(end) } : {}
  answer(message.id!, { tools: tools.slice(start, end), ...more })
}

createInterface({ input: process.stdin }).on('line', (line) => {
  appendFileSync(options.journal, `${line}\n`)
  const message = JSON.parse(line) as Message
  if (message.method === undefined) return asked.get(String(message.id))?.(message.result ?? { error: message.error })
  if (message.method === 'initialize') return initialize(message)
  if (message.method === 'server/discover') return discover(message)
  if (message.method === 'tools/list') return list(message)
  if (message.method !== 'tools/call') return undefined
  const args = (message.params?.['arguments'] ?? {}) as Record<string, unknown>
  return void runTool(String(message.params?.['name']), args, ioFor(message))
})
