import { readFile, stat } from 'node:fs/promises'
import { isObject } from '../../base/json.ts'
import { Roster } from '../../base/roster.ts'
import { definitionDigest } from '../../inventory/definition.ts'
import { Receipt } from '../../ledger/intent.ts'
import type { ItemDefinition } from '../../model/item-definition.ts'
import type { Learnt } from '../../model/upstream.ts'
import { cancelled, unreachable, wholeReply } from './answer.ts'
import { eraOf, legacyVersion } from './era.ts'
import { exchange, type HttpExchange } from './http-exchange.ts'
import { readMessage, type RpcId, type RpcResponse } from './message.ts'
import { readApi, type Api, type ApiTool } from './openapi/api.ts'
import { documentBytesMax } from './openapi/document.ts'
import { buildRequest, type BuiltRequest } from './openapi/request.ts'
import { resultOf, textResult } from './openapi/result.ts'
import { CannotWrite, encode } from './openapi/write.ts'
import {
  controlMethods,
  type ControlRequest,
  type MessageDispatcher,
  type OpenApiLaunch,
  type UpstreamConnection,
  type UpstreamKind,
  type UpstreamNeeds,
  type UpstreamReply,
  type UpstreamRequest,
  type UpstreamSpec,
} from './upstream-kind.ts'

/** An HTTP API with an OpenAPI document, each operation of which is a tool: we are the MCP server of it. */
export const openapiKind: UpstreamKind = {
  open(spec, needs) {
    if (spec.launch.kind !== 'openapi') throw new TypeError('openapiKind opens openapi upstreams')
    if (needs.dispatcher === undefined) throw new TypeError('openapi upstreams need a dispatcher')
    return new OpenApiConnection(spec, spec.launch, { ...needs, dispatcher: needs.dispatcher })
  },
}

/** An API has tools and nothing else. */
const nothing = {
  ping: {},
  'prompts/list': { prompts: [] },
  'resources/list': { resources: [] },
  'resources/templates/list': { resourceTemplates: [] },
}

class OpenApiConnection implements UpstreamConnection {
  readonly #spec: UpstreamSpec
  readonly #launch: OpenApiLaunch
  readonly #needs: UpstreamNeeds & { dispatcher: MessageDispatcher }
  readonly #open = new Roster<HttpExchange>()
  #read: Promise<Reading> | undefined
  #closed = false

  constructor(spec: UpstreamSpec, launch: OpenApiLaunch, needs: UpstreamNeeds & { dispatcher: MessageDispatcher }) {
    this.#spec = spec
    this.#launch = launch
    this.#needs = needs
  }

  async send(receipt: Receipt, request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamReply> {
    Receipt.use(receipt)
    const { tools } = await this.#reading()
    if (signal.aborted) throw cancelled(signal)
    const { name, arguments: args } = request.message.params ?? {}
    const tool = typeof name === 'string' ? tools.get(name) : undefined
    const { id, method } = request.message
    if (method !== 'tools/call') return reply(id, '"error":{"code":-32601,"message":"method not found"}')
    if (tool === undefined) return reply(id, '"error":{"code":-32602,"message":"unknown tool"}')
    const built = isOther(tool, request) ? changed : build(tool, isObject(args) ? args : {})
    const result = typeof built === 'string' ? built : await this.#call(tool, built, signal)
    const type = eraOf(request.protocolVersion) === 'modern' ? '"resultType":"complete",' : ''
    return reply(id, `"result":{${type}${result}}`)
  }

  async ask(request: ControlRequest, signal: AbortSignal): Promise<Record<string, unknown>> {
    if (!controlMethods.includes(request.method)) throw new TypeError(`\`${request.method}\` is not a control method`)
    const { tools } = await this.#reading()
    if (signal.aborted) throw cancelled(signal)
    return request.method === 'tools/list'
      ? { tools: [...tools.values()].map(({ definition }) => definition) }
      : nothing[request.method]
  }

  /** What its document says; whether the API answers shows with the first call. */
  async learn(signal: AbortSignal): Promise<Learnt> {
    // What changed in the file is looked at as everybody's tools are: with the next look, and withheld where it drifted.
    const known = await this.#read?.catch(() => undefined)
    if (known !== undefined && (await stampOf(this.#launch).catch(() => '')) !== known.stamp) this.#read = undefined
    const api = await this.#reading()
    const { title, version, description } = api
    if (signal.aborted) throw cancelled(signal)
    return {
      era: 'legacy',
      protocolVersion: legacyVersion,
      serverName: title.slice(0, 200),
      serverVersion: version.slice(0, 200),
      instructions: description?.slice(0, 8_192),
      capabilities: { tools: {} },
      runs: runsOf(api),
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const one of this.#open.list()) one.breakOff()
  }

  async #call({ operation }: ApiTool, built: BuiltRequest, signal: AbortSignal): Promise<string> {
    const { method } = operation
    const credential = operation.open ? undefined : await this.#needs.credential({ method, url: built.url })
    const { queryKeys } = await this.#reading()
    if (this.#closed) throw unreachable(this.#spec.name, 'it is being closed')
    const request = { method, body: built.body, ...withCredential(built, credential, queryKeys) }
    const context = { upstream: this.#spec.name, signal, open: this.#open }
    const answer = await exchange(this.#needs.dispatcher, request, context)
    return resultOf(this.#spec.name, `${built.url.origin}${built.url.pathname}`, answer)
  }

  async #reading(): Promise<Reading> {
    if (this.#closed) throw unreachable(this.#spec.name, 'it is being closed')
    if (this.#read === undefined) {
      const read = readFrom(this.#spec.name, this.#launch)
      this.#read = read
      read.catch(() => {
        if (this.#read === read) this.#read = undefined
      })
    }
    return this.#read
  }
}

type Reading = Api & { stamp: string }

async function readFrom(upstream: string, launch: OpenApiLaunch): Promise<Reading> {
  try {
    const stamp = await stampOf(launch)
    const text = 'file' in launch ? await readFile(launch.file, 'utf8') : await launch.read()
    return { ...readApi(text, launch.server), stamp }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw unreachable(upstream, `cannot use its document: ${why.slice(0, 500)}`)
  }
}

async function stampOf(launch: OpenApiLaunch): Promise<string> {
  if (!('file' in launch)) return launch.digest
  const { mtimeMs, size } = await stat(launch.file)
  if (size > documentBytesMax) throw new Error(`it is larger than ${documentBytesMax} bytes`)
  return `${mtimeMs} ${size}`
}

const leftOutShownMax = 50

function runsOf({ tools, leftOut, digest, base }: Api): string[] {
  const shown = leftOut.slice(0, leftOutShownMax).map(({ operation, why }) => `left out: ${operation}: ${why}`)
  const more = leftOut.length - shown.length
  return [
    `${tools.size} operations at ${base.href}`,
    `document with the digest sha256:${digest}`,
    ...shown.map((line) => line.slice(0, 300)),
    ...(more > 0 ? [`and ${more} more are left out`] : []),
  ]
}

const changed = textResult(
  'Nothing was sent: what this tool does has just changed, and nobody has accepted that yet.',
  true,
)

/** A document may be replaced after a call was judged, or be another one here than at the replica that looked at it. */
function isOther({ definition }: ApiTool, { definitionDigest: accepted }: UpstreamRequest): boolean {
  if (accepted === undefined) return false
  let digest = digests.get(definition)
  if (digest === undefined) digests.set(definition, (digest = definitionDigest(definition as ItemDefinition)))
  return digest !== accepted
}

const digests = new WeakMap<ApiTool['definition'], string>()

/** What is to be sent, or what to tell the model where its arguments cannot be. */
function build({ operation }: ApiTool, args: Record<string, unknown>): BuiltRequest | string {
  try {
    return buildRequest(operation, args)
  } catch (error) {
    if (error instanceof CannotWrite) return textResult(`Nothing was sent: ${error.message}.`, true)
    throw error
  }
}

type Credential = Awaited<ReturnType<UpstreamNeeds['credential']>>

/** Each value where the document says that a key of this name is: in the query, otherwise in a header. */
function withCredential(built: BuiltRequest, credential: Credential, queryKeys: ReadonlySet<string>) {
  const headers: Record<string, string> = {
    ...built.headers,
    accept: 'application/json, */*;q=0.5',
    'accept-encoding': 'identity',
    'user-agent': 'sallyport',
  }
  const pairs: string[] = []
  if (credential?.placement === 'headers') {
    for (const [name, value] of Object.entries(credential.values)) {
      if (queryKeys.has(name)) pairs.push(`${encode(name)}=${encode(value)}`)
      else headers[name.toLowerCase()] = value
    }
  }
  if (pairs.length === 0) return { url: built.url, headers }
  const { href, search } = built.url
  return { url: new URL(`${href}${search === '' ? '?' : '&'}${pairs.join('&')}`), headers }
}

function reply(id: RpcId, member: string): UpstreamReply {
  const text = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},${member}}`
  return wholeReply(200, { text, message: readMessage(text) as RpcResponse })
}
