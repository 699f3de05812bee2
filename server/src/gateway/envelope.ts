import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '../base/fault.ts'
import { isObject } from '../base/json.ts'
import { readInfo, type Session } from './session.ts'
import { decodeHeader } from './upstream/header-value.ts'
import { legacyVersions, modernVersion } from './upstream/era.ts'
import { namedBy } from './upstream/routing-headers.ts'
import type { RpcAnswer } from './upstream/message.ts'
import type { UpstreamClient } from './upstream/upstream-kind.ts'

/** The two families of protocol revisions: with a handshake, and with everything on each request. */
export type Era = 'legacy' | 'modern'

/** Revisions towards clients, newest first within each era. */
export const revisions: Record<Era, readonly string[]> = {
  modern: [modernVersion],
  legacy: legacyVersions,
}

const meta = {
  version: 'io.modelcontextprotocol/protocolVersion',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
  info: 'io.modelcontextprotocol/clientInfo',
  level: 'io.modelcontextprotocol/logLevel',
}

// An envelope has these members and no other, so that no second reader of it can see something that was not judged.
const members = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])

/** One JSON-RPC message as it was judged: nothing of it comes from anywhere but the parsed body. */
export interface Envelope {
  era: Era
  /** The revision that the client speaks on this request. */
  protocolVersion: string
  shape: 'request' | 'notification' | 'response'
  /** Absent on notifications. */
  id: string | number | undefined
  method: string
  params: Record<string, unknown>
  /** What the client declared it can do: on each request in the modern era, with its session in the legacy one. */
  clientCapabilities: Readonly<Record<string, unknown>>
  /** Who the client says it is, likewise. */
  clientInfo: UpstreamClient['info']
  /** From which level on the client wants log messages; undefined where it did not say. */
  logLevel: string | undefined
  /** The session of a legacy client that began one. */
  session: Session | undefined
  /** Of a response, what it answers. */
  answer: RpcAnswer | undefined
}

/**
 * Reads one MCP message. The body decides; headers that mirror it must agree with it.
 *
 * @param headers of the request, as `node:http` gives them.
 * @param value of the body, as `readJson` gave it: duplicate keys, depth over 64 and malformed text are refused there.
 * @param onRead hears the era and the id as soon as they are known: a refusal is then an answer to that request.
 * @throws {Fault} `gateway.bad_envelope`, `gateway.header_mismatch` (-32020),
 *   `gateway.unsupported_version` (-32022), `gateway.bad_params`; nothing has been done then.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http
 */
export function readEnvelope(
  headers: IncomingHttpHeaders,
  value: unknown,
  onRead?: (known: Pick<Envelope, 'era' | 'id'>) => void,
): Envelope {
  const message = readMessage(value)
  const params = readParams(message)
  const claimed = metaOf(params)[meta.version]
  const versionHeader = single(headers, 'mcp-protocol-version')
  const era: Era =
    claimed !== undefined || (versionHeader !== undefined && revisions.modern.includes(versionHeader))
      ? 'modern'
      : 'legacy'
  onRead?.({ era, id: message.id })
  const shape = message.method === undefined ? 'response' : message.id === undefined ? 'notification' : 'request'
  // Only requests must repeat the version in their body: of a notification the header is enough.
  const version = claimed === undefined && shape !== 'request' ? versionHeader : claimed
  const envelope: Envelope = {
    era,
    protocolVersion: era === 'modern' ? readModern(version, versionHeader) : readLegacy(versionHeader),
    shape,
    id: message.id,
    method: message.method ?? '',
    params,
    clientCapabilities: {},
    clientInfo: readInfo(metaOf(params)[meta.info]),
    logLevel: readLevel(metaOf(params)[meta.level]),
    session: undefined,
    answer: message.answer,
  }
  if (era === 'modern' && envelope.shape === 'request') envelope.clientCapabilities = readCapabilities(params)
  compareHeaders(headers, envelope)
  return envelope
}

interface Message {
  id: string | number | undefined
  method: string | undefined
  params: unknown
  answer: RpcAnswer | undefined
}

function readMessage(value: unknown): Message {
  if (Array.isArray(value)) {
    throw new Fault(
      'gateway.bad_envelope',
      'cannot read the message: batches are not part of this protocol, send one message a request',
    )
  }
  if (!isObject(value) || value['jsonrpc'] !== '2.0') {
    throw new Fault('gateway.bad_envelope', 'cannot read the message: it must be a JSON-RPC 2.0 object')
  }
  for (const key of Object.keys(value)) {
    if (!members.has(key)) {
      throw new Fault('gateway.bad_envelope', `cannot read the message: unknown member \`${key.slice(0, 64)}\``)
    }
  }
  const { id, method, params } = value
  const idFits = id === undefined || (typeof id === 'string' ? id.length <= 256 : Number.isSafeInteger(id))
  if (!idFits)
    throw new Fault(
      'gateway.bad_envelope',
      'cannot read the message: `id` must be a string of at most 256 characters or an integer',
    )
  if (method !== undefined && (typeof method !== 'string' || method === '' || method.length > 128)) {
    throw new Fault('gateway.bad_envelope', 'cannot read the message: `method` must be a string')
  }
  const answers = 'result' in value || 'error' in value
  if ((method === undefined) !== answers) {
    throw new Fault('gateway.bad_envelope', 'cannot read the message: it is neither a request nor a response')
  }
  return { id: id as string | number | undefined, method, params, answer: answers ? readRpcAnswer(value) : undefined }
}

// What goes back to an upstream has the form that it waits for; whatever has another is told as an error of the client.
function readRpcAnswer({ result, error }: Record<string, unknown>): RpcAnswer {
  if (error === undefined && isObject(result)) return { result }
  const { code, message } = isObject(error) ? error : {}
  if (result === undefined && Number.isInteger(code) && typeof message === 'string')
    return { error: { code: code as number, message: message.slice(0, 2_000) } }
  return { error: { code: -32603, message: 'the client answered in a form that is none' } }
}

function readParams(message: Message): Record<string, unknown> {
  if (message.params === undefined) return {}
  if (!isObject(message.params))
    throw new Fault('gateway.bad_params', 'cannot read the message: `params` must be an object')
  return message.params
}

const levels: readonly unknown[] = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']

/** Reads a level of log messages; undefined for what is none. */
export function readLevel(value: unknown): string | undefined {
  return levels.includes(value) ? (value as string) : undefined
}

function readModern(claimed: unknown, header: string | undefined): string {
  if (typeof claimed !== 'string') {
    throw new Fault('gateway.bad_params', `cannot read the request: \`_meta\` must carry \`${meta.version}\``)
  }
  if (header !== claimed) {
    throw new Fault('gateway.header_mismatch', 'the header `MCP-Protocol-Version` must equal the version in `_meta`')
  }
  if (!revisions.modern.includes(claimed)) {
    const supported = [...revisions.modern, ...revisions.legacy]
    throw new Fault('gateway.unsupported_version', `cannot speak revision \`${claimed.slice(0, 32)}\``, {
      data: { supported, requested: claimed.slice(0, 32) },
    })
  }
  return claimed
}

function readLegacy(header: string | undefined): string {
  if (header === undefined) return '2025-03-26'
  if (revisions.legacy.includes(header)) return header
  const supported = [...revisions.modern, ...revisions.legacy]
  throw new Fault('gateway.unsupported_version', `cannot speak revision \`${header.slice(0, 32)}\``, {
    data: { supported, requested: header.slice(0, 32) },
  })
}

function readCapabilities(params: Record<string, unknown>): Record<string, unknown> {
  const capabilities = metaOf(params)[meta.capabilities]
  if (!isObject(capabilities)) {
    throw new Fault('gateway.bad_params', `cannot read the request: \`_meta\` must carry \`${meta.capabilities}\``)
  }
  return capabilities
}

// In the modern era the mirrors are demanded; in the legacy one they mean nothing, but a liar is refused all the same.
function compareHeaders(headers: IncomingHttpHeaders, envelope: Envelope): void {
  if (envelope.shape === 'response') return
  const demanded = envelope.era === 'modern' && envelope.shape === 'request'
  compare('Mcp-Method', { value: single(headers, 'mcp-method'), body: envelope.method, demanded })
  const name = mirroredName(envelope)
  const nameHeader = single(headers, 'mcp-name')
  if (name === undefined) return
  const value = nameHeader === undefined ? undefined : decodeHeader(nameHeader)
  compare('Mcp-Name', { value, body: name, demanded })
}

function mirroredName(envelope: Envelope): string | undefined {
  const field = namedBy.get(envelope.method)
  const value = field === undefined ? undefined : envelope.params[field]
  return typeof value === 'string' ? value : undefined
}

function compare(header: string, of: { value: string | undefined; body: string; demanded: boolean }): void {
  const { value, body, demanded } = of
  if (value === body || (value === undefined && !demanded)) return
  throw new Fault(
    'gateway.header_mismatch',
    `the header \`${header}\` ${value === undefined ? 'is missing' : 'disagrees with the body'}`,
  )
}

function single(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  // node joins repeated headers of this kind with a comma, which then equals no body.
  return Array.isArray(value) ? value.join(', ') : value
}

function metaOf(params: Record<string, unknown>): Record<string, unknown> {
  const value = params['_meta']
  return isObject(value) ? value : {}
}
