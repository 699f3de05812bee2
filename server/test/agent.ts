import assert from 'node:assert/strict'
import { encodeHeaderValue } from '../src/gateway/upstream/header-value.ts'
import { tokenRequest, type Tokens } from './oauth-client.ts'

/** What an MCP request was answered. */
export interface Answer {
  status: number
  headers: Headers
  /** The JSON-RPC response; of a stream its last message. */
  message: Record<string, unknown>
  result: Record<string, unknown>
  error: { code: number; message: string; data?: Record<string, unknown> } | undefined
  /** All messages of a stream. */
  messages: Record<string, unknown>[]
}

let lastId = 0

/** A client with a token, speaking raw MCP. */
export class Agent {
  readonly origin: string
  readonly upstream: string
  readonly client: string
  readonly resource: string
  tokens: Tokens

  constructor(of: { origin: string; upstream: string; client: string; resource: string; tokens: Tokens }) {
    this.origin = of.origin
    this.upstream = of.upstream
    this.client = of.client
    this.resource = of.resource
    this.tokens = of.tokens
  }

  get grantId(): string {
    return JSON.parse(Buffer.from(this.tokens.access_token.split('.')[1]!, 'base64url').toString()).grant_id as string
  }

  async list(): Promise<string[]> {
    const { result } = await this.rpc('tools/list', {})
    return (result['tools'] as { name: string }[]).map((tool) => tool.name)
  }

  call(name: string, args?: Record<string, unknown>): Promise<Answer> {
    return this.rpc('tools/call', args === undefined ? { name } : { name, arguments: args })
  }

  /** A call in the modern era, with these capabilities of the client. */
  modern(method: string, params: Record<string, unknown>, capabilities: object = {}): Promise<Answer> {
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': capabilities,
      'io.modelcontextprotocol/clientInfo': { name: 'a script', version: '1' },
    }
    const headers: Record<string, string> = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
    const name = { 'tools/call': params['name'], 'prompts/get': params['name'], 'resources/read': params['uri'] }[
      method
    ]
    if (typeof name === 'string') headers['mcp-name'] = encodeHeaderValue(name)
    return this.rpc(method, { ...params, _meta: meta }, { headers })
  }

  /** Asks in the words of an era. */
  ask(era: 'legacy' | 'modern', method: string, params: Record<string, unknown> = {}): Promise<Answer> {
    return era === 'modern' ? this.modern(method, params) : this.rpc(method, params)
  }

  rpc(
    method: string,
    params: unknown,
    options: { headers?: Record<string, string>; path?: string } = {},
  ): Promise<Answer> {
    return this.post(JSON.stringify({ jsonrpc: '2.0', id: ++lastId, method, params }), options)
  }

  async post(
    body: string,
    options: { headers?: Record<string, string>; path?: string; signal?: AbortSignal } = {},
  ): Promise<Answer> {
    const answer = await fetch(`${this.origin}${options.path ?? `/mcp/${this.upstream}`}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.tokens.access_token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...options.headers,
      },
      body,
      ...(options.signal && { signal: options.signal }),
    })
    return readAnswer(answer)
  }

  /** Renews the tokens. */
  async refresh(token = this.tokens.refresh_token): Promise<{ status: number; body: Record<string, unknown> }> {
    const form = { grant_type: 'refresh_token', refresh_token: token, client_id: this.client, resource: this.resource }
    const answer = await tokenRequest(this.origin, form)
    if (answer.status === 200) this.tokens = answer.body as unknown as Tokens
    return answer
  }
}

async function readAnswer(answer: Response): Promise<Answer> {
  const text = await answer.text()
  const stream = answer.headers.get('content-type')?.startsWith('text/event-stream') === true
  const parts = stream ? [...text.matchAll(/^data: (.+)$/gm)].map((match) => match[1]!) : text === '' ? [] : [text]
  const messages = parts.map((part) => JSON.parse(part) as Record<string, unknown>)
  const message = messages.at(-1) ?? {}
  return {
    status: answer.status,
    headers: answer.headers,
    message,
    messages,
    result: (message['result'] ?? {}) as Record<string, unknown>,
    error: message['error'] as Answer['error'],
  }
}

/** The text of a tool result. */
export function textOf(answer: Answer): string {
  const content = (answer.result['content'] ?? []) as { text?: string }[]
  return content.map((part) => part.text ?? '').join('\n')
}

/** The link to the approval that a held call names. */
export function linkOf(answer: Answer): string {
  const meta = answer.result['_meta'] as Record<string, { url: string }> | undefined
  const url = meta?.['sallyport/approval']?.url
  assert.ok(url, `not held: ${JSON.stringify(answer.message)}`)
  return url
}
