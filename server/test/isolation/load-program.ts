import { RawClient, type RawAnswer } from './raw-client.ts'

// A thousand clients, all with the same JSON-RPC ids and the same progress token. Each has a canary that nobody else has;
// a canary of somebody else in anything that it hears is a leak.

/** One client: a grant, its token and its canary. */
export interface LoadClient {
  upstream: string
  token: string
  canary: string
  /** The tools that its list must show, and no others. */
  tools: string[]
}

/** What the load is told to do. */
export interface Load {
  origin: string
  clients: LoadClient[]
  /** Calls that are neither refused as busy nor reset: those prove nothing. */
  calls: number
  secondsMax: number
}

/** What came of it. */
export interface LoadReport {
  calls: number
  aborted: number
  /** Refused because the gateway could not keep up. */
  busy: number
  /** Connections that ended before the answer: a machine that cannot keep up drops them. */
  reset: number
  /** Messages on open streams. */
  heard: number
  leaks: string[]
  seconds: number
}

const revisions = ['2025-03-26', '2025-06-18', '2025-11-25']
const leaksMax = 20
const streams = 40

const report: LoadReport = { calls: 0, aborted: 0, busy: 0, reset: 0, heard: 0, leaks: [], seconds: 0 }
let nonces = 0

function leak(what: string): void {
  if (report.leaks.length < leaksMax) report.leaks.push(what)
}

/** Every canary in a text is this client's own. */
function judge(text: string, { canary }: LoadClient, what: string): void {
  for (const [found] of text.matchAll(/cnry\d{6}/g)) {
    if (found !== canary) leak(`${canary} read ${found} in the answer to ${what}: ${text.slice(0, 400)}`)
  }
}

interface Step {
  id: number
  what: string
  method: string
  params: Record<string, unknown>
  /** What must be in the answer. */
  expected: string
  status: number
}

function stepOf({ canary }: LoadClient, id: number): Step {
  const nonce = `n${nonces++}`
  const own = `${canary} ${nonce}`
  const call = (name: string, more: Partial<Step> = {}, extra: object = {}): Step => {
    const params = { name, arguments: { canary, nonce, ...extra }, _meta: { progressToken: 'p' } }
    return { id, what: name, method: 'tools/call', params, expected: `"${own}"`, status: 200, ...more }
  }
  const dice = Math.random()
  if (dice < 0.66) return call('read_echo')
  if (dice < 0.76) return call('read_progress')
  if (dice < 0.84) return { id, what: 'a list', method: 'tools/list', params: {}, expected: '"tools"', status: 200 }
  if (dice < 0.9) return call('read_fail')
  if (dice < 0.94) return call('read_wrong')
  if (dice < 0.97) return call(`${canary}_none`, { what: 'an unknown tool', expected: 'tool.unknown', status: 403 })
  return call('read_echo', { what: 'an odd argument', expected: canary }, { [`${canary}_odd`]: 1 })
}

function write({ id, method, params }: Step): { body: string; headers: string } {
  if (Math.random() < 0.5) {
    const headers = `mcp-protocol-version: ${revisions[Math.floor(Math.random() * revisions.length)]}\r\n`
    return { body: JSON.stringify({ jsonrpc: '2.0', id, method, params }), headers }
  }
  const meta = {
    ...(params['_meta'] as object | undefined),
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const name = typeof params['name'] === 'string' ? `mcp-name: ${params['name']}\r\n` : ''
  return {
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta: meta } }),
    headers: `mcp-protocol-version: 2026-07-28\r\nmcp-method: ${method}\r\n${name}`,
  }
}

function messagesOf({ body, stream }: RawAnswer): Record<string, unknown>[] {
  if (!stream) return [JSON.parse(body) as Record<string, unknown>]
  return [...body.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!) as Record<string, unknown>)
}

function judgeAnswer(answer: RawAnswer, step: Step, client: LoadClient): void {
  judge(answer.body, client, step.what)
  // Where rights cannot be read anew in time, a call in between is not sent.
  if (answer.status === 503) {
    report.busy++
    return
  }
  const messages = messagesOf(answer)
  const last = messages.at(-1)
  const wrong = (why: string): void =>
    leak(`${client.canary}, ${step.what}: ${why}: ${answer.status} ${answer.body.slice(0, 400)}`)
  const { data } = (last?.['error'] ?? {}) as { data?: { fault?: string } }
  if (answer.status !== step.status || last?.['id'] !== step.id) wrong('another answer')
  // The same on a stream that had begun.
  else if (data?.fault === 'base.busy') report.busy++
  else if (!JSON.stringify(last).includes(step.expected)) wrong(`no ${step.expected}`)
  for (const message of messages.slice(0, -1)) {
    const { progressToken, message: told } = message['params'] as { progressToken?: string; message?: string }
    if (progressToken !== 'p' || `"${told}"` !== step.expected) wrong('the progress of something else')
  }
  if (step.method !== 'tools/list') return
  const { tools = [] } = (last?.['result'] ?? {}) as { tools?: { name: string }[] }
  const names = tools.map(({ name }) => name).join()
  if (names !== client.tools.join()) wrong('the list of somebody else')
}

// An answer that cannot be read may be half of somebody else's.
function judgeSafely(answer: RawAnswer, step: Step, client: LoadClient): void {
  try {
    judgeAnswer(answer, step, client)
  } catch (error) {
    leak(`${client.canary}, ${step.what}: ${String(error)}: ${answer.body.slice(0, 400)}`)
  }
}

async function run(client: LoadClient, load: Load, endsAt: number): Promise<void> {
  const raw = new RawClient({ origin: load.origin, path: `/mcp/${client.upstream}`, token: client.token })
  for (let i = 0; report.calls - report.busy - report.reset < load.calls && performance.now() < endsAt; i++) {
    report.calls++
    const step = stepOf(client, i % 3)
    const { body, headers } = write(step)
    const asked = raw.post(body, headers)
    if (Math.random() < 0.03) {
      report.aborted++
      asked.catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 6))
      raw.leave()
      continue
    }
    const answer = await asked.catch(() => undefined)
    if (answer === undefined) report.reset++
    else judgeSafely(answer, step, client)
  }
  raw.leave()
}

/** A stream of a client that calls as well: nothing of any call may come there. */
function listen(client: LoadClient, load: Load, modern: boolean): RawClient {
  const raw = new RawClient({ origin: load.origin, path: `/mcp/${client.upstream}`, token: client.token })
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const params = { notifications: { toolsListChanged: true }, _meta: meta }
  const request = modern
    ? {
        body: JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'subscriptions/listen', params }),
        headers: 'mcp-protocol-version: 2026-07-28\r\nmcp-method: subscriptions/listen\r\n',
      }
    : { headers: 'mcp-protocol-version: 2025-11-25\r\n' }
  raw.listen(request, (text) => {
    report.heard += text.split('data: ').length - 1
    if (/cnry\d{6}/.test(text)) leak(`${client.canary} read of a call on its stream: ${text.slice(0, 400)}`)
  })
  return raw
}

async function runAll(load: Load, endsAt: number): Promise<void> {
  await Promise.all(load.clients.map((client) => run(client, load, endsAt)))
}

process.on('message', (load: Load) => {
  const startedAt = performance.now()
  const open = load.clients.slice(0, streams).map((client, i) => listen(client, load, i % 2 === 1))
  const endsAt = startedAt + load.secondsMax * 1_000
  void runAll(load, endsAt).then(() => {
    for (const stream of open) stream.leave()
    return process.send!({ ...report, seconds: (performance.now() - startedAt) / 1_000 })
  })
})
process.on('disconnect', () => process.exit(0))
