// What the upstreams of the isolation runs say, whatever carries it. All of them answer out of order, and everything that
// they say of a call carries that call's canary.

interface Message {
  id?: string | number
  method?: string
  params?: {
    name?: string
    arguments?: { canary?: string; nonce?: string }
    protocolVersion?: string
    _meta?: { progressToken?: string }
  }
}

/** What is said to a message: notifications on the way, and the answer. */
export interface Said {
  before: object[]
  answer: object
}

const text = { type: 'string' }
const inputSchema = { type: 'object', properties: { canary: text, nonce: text } }

/** Tools that do something with the canary. */
export const speaking = ['read_echo', 'read_progress', 'read_fail', 'read_wrong']
/** Tools that only stand in lists. */
export const listed = Array.from({ length: 8 }, (_, i) => `read_${i}`)

const tools = [...speaking, ...listed].map((name) => ({ name, description: `Does ${name}.`, inputSchema }))
const info = { name: 'isolation', version: '1' }

/** Answers a message; undefined where nothing is to be said. */
export function say(message: Message, modern: boolean): Said | undefined {
  const { id, method, params = {} } = message
  if (id === undefined) return undefined
  const result = (value: object): Said => ({
    before: [],
    answer: { jsonrpc: '2.0', id, result: modern ? { resultType: 'complete', ...value } : value },
  })
  const error = (code: number, told: string): Said => ({
    before: [],
    answer: { jsonrpc: '2.0', id, error: { code, message: told } },
  })
  if (method === 'server/discover') {
    if (!modern) return error(-32601, 'Method not found')
    const _meta = { 'io.modelcontextprotocol/serverInfo': info }
    return result({
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {} },
      ttlMs: 0,
      cacheScope: 'private',
      _meta,
    })
  }
  if (method === 'initialize') {
    return result({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: info })
  }
  if (method === 'tools/list') return result({ tools, ...(modern && { ttlMs: 0, cacheScope: 'public' }) })
  if (method !== 'tools/call') return error(-32601, 'Method not found')
  const told = `${params.arguments?.canary} ${params.arguments?.nonce}`
  const content = [{ type: 'text', text: told }]
  if (params.name === 'read_fail') return error(-32000, told)
  if (params.name === 'read_wrong') return result({ content, isError: true })
  const token = params._meta?.progressToken
  if (params.name !== 'read_progress' || token === undefined) return result({ content })
  const progress = { progressToken: token, progress: 1, total: 2, message: told }
  const before = [{ jsonrpc: '2.0', method: 'notifications/progress', params: progress }]
  return { ...result({ content }), before }
}

/** Some answers come late, so that they overtake each other. */
export function later(then: () => void): void {
  if (Math.random() < 0.7) then()
  else setTimeout(then, Math.random() * 4)
}
