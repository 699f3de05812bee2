import { isObject } from '../../base/json.ts'
import type { Learnt } from '../../model/upstream.ts'
import { unspoken } from './answer.ts'
import { editObject, textOfMember } from './members.ts'
import type { RpcError, RpcId, RpcNotification, RpcRequest, RpcResponse } from './message.ts'
import type { UpstreamClient, UpstreamRequest } from './upstream-kind.ts'

// Between client and upstream of different eras the gateway translates; between equals it changes nothing. Everything
// here is a function of its arguments.
//
// What the client declared it can do crosses with it, in the words of the other era. What an upstream asks in return is
// no answer, and crosses elsewhere.

export type Era = Learnt['era']

export const modernVersion = '2026-07-28'
/** Newest first. */
export const legacyVersions: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']
export const legacyVersion = legacyVersions[0]!

/** The tasks of the modern era. What 2025-11-25 calls tasks is an experiment, and by specification another protocol. */
export const tasksExtension = 'io.modelcontextprotocol/tasks'

const metaPrefix = 'io.modelcontextprotocol/'
const cachedMethods = new Set([
  'prompts/list',
  'resources/list',
  'resources/read',
  'resources/templates/list',
  'server/discover',
  'tools/list',
])

/** Revisions are dates, and the era began with one. */
export function eraOf(protocolVersion: string): Era {
  return protocolVersion >= modernVersion ? 'modern' : 'legacy'
}

/** What the gateway is when it speaks on its own account: nobody who could be asked anything. */
export const ourselves: UpstreamClient = { info: { name: 'sallyport', version: '0.1.0' }, capabilities: {} }

const bridgedCapabilities = ['elicitation', 'experimental', 'roots', 'sampling'] as const

/** What a client can do, in the words of the other era: what has no word there is not said. */
export function capabilitiesFor(era: Era, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const known: Record<string, unknown> = {}
  for (const name of bridgedCapabilities) if (isObject(given[name])) known[name] = given[name]
  // The news of other roots is a notification that the modern era has not.
  if (era === 'modern' && known['roots'] !== undefined) known['roots'] = {}
  if (era === 'modern' && isObject(given['extensions'])) {
    // Before the modern era nobody may be answered with a task, whatever they declare.
    const { [tasksExtension]: _tasks, ...extensions } = given['extensions']
    if (Object.keys(extensions).length > 0) known['extensions'] = extensions
  }
  return known
}

/** A modern request as a legacy upstream expects it: without the envelope and the marks of a retry. */
export function requestToLegacy(message: RpcRequest): RpcRequest {
  if (message.params === undefined) return message
  const { _meta: meta, inputResponses: _responses, requestState: _state, ...params } = message.params
  const kept = isObject(meta) ? Object.entries(meta).filter(([name]) => !name.startsWith(metaPrefix)) : []
  if (kept.length > 0) params['_meta'] = Object.fromEntries(kept)
  return { ...message, params }
}

/** A legacy request as a modern upstream expects it: in the envelope that each request carries there. */
export function requestToModern(message: RpcRequest, client: UpstreamClient): RpcRequest {
  const given = message.params?.['_meta']
  const meta = {
    ...(isObject(given) ? given : {}),
    [`${metaPrefix}protocolVersion`]: modernVersion,
    [`${metaPrefix}clientInfo`]: client.info,
    [`${metaPrefix}clientCapabilities`]: capabilitiesFor('modern', client.capabilities),
    ...(client.logLevel !== undefined && { [`${metaPrefix}logLevel`]: client.logLevel }),
  }
  return { ...message, params: { ...message.params, _meta: meta } }
}

/**
 * Whether a notification on a call's own stream is for its caller: progress only of this call, by the caller's token; log
 * messages for a modern client only when it asked for them, which a legacy upstream cannot know. All others pass, known
 * to us or not.
 */
export function concerns(
  message: RpcNotification,
  { message: { params }, protocolVersion }: Asked,
  from: Era,
): boolean {
  const meta = isObject(params?.['_meta']) ? params['_meta'] : {}
  if (message.method === 'notifications/progress')
    return meta['progressToken'] !== undefined && message.params?.['progressToken'] === meta['progressToken']
  if (message.method !== 'notifications/message' || from === 'modern' || eraOf(protocolVersion) === 'legacy')
    return true
  return meta[`${metaPrefix}logLevel`] !== undefined
}

type Asked = { message: RpcRequest; protocolVersion: string }

export interface Translation {
  /** The method that was asked. */
  method: string
  from: Era
  to: Era
  /** The upstream's name, for the message to people. */
  upstream: string
  /** The id that the client gave. */
  id: RpcId
}

/**
 * A response as the client expects it, or `undefined` when the upstream's own text already is: then the bytes pass.
 */
export function translateResponse(text: string, message: RpcResponse, way: Translation): string | undefined {
  const id = message.id === way.id ? undefined : JSON.stringify(way.id)
  const more = id === undefined ? {} : { id }
  if ('error' in message && way.from === 'modern' && way.to === 'legacy' && wantsTask(message.error))
    return cannotTranslate(way, 'does this only as a task, which')
  if ('error' in message || way.from === way.to) {
    const shared = 'result' in message && isShared(message.result)
    if (!shared) return id === undefined ? undefined : editObject(text, { id })
    return editObject(text, { ...more, result: editObject(textOfMember(text, 'result')!, { cacheScope: '"private"' }) })
  }
  if (way.to === 'modern') {
    if (way.method === 'tools/call' && isTask(message.result))
      return cannotTranslate(way, 'answered with a task that nobody asked for, which')
    return editObject(text, { ...more, result: resultToModern(textOfMember(text, 'result')!, way.method) })
  }
  const type = message.result['resultType'] ?? 'complete'
  // What it asks is put to the client on the call's stream: no answer yet, so nothing to translate.
  if (type === 'input_required') return id === undefined ? undefined : editObject(text, { id })
  if (type !== 'complete') return cannotTranslate(way, 'answered in a form that')
  const result = editObject(textOfMember(text, 'result')!, {
    resultType: undefined,
    ttlMs: undefined,
    cacheScope: undefined,
  })
  return editObject(text, { ...more, result })
}

/** Whether the answer passes to the byte: then it can pass before its end is known. One that may be shared is read first. */
export function passesUnchanged(of: {
  request: Pick<UpstreamRequest, 'protocolVersion' | 'message' | 'whole'>
  known: Pick<Learnt, 'era'>
  wireId: RpcId
}): boolean {
  const { request, known, wireId } = of
  const same = eraOf(request.protocolVersion) === known.era && request.message.id === wireId
  const shared = known.era === 'modern' && cachedMethods.has(request.message.method)
  return same && !shared && request.whole !== true
}

// Whatever the upstream says, we have decided for this caller alone: nobody else may be answered from a cache.
function isShared(result: Record<string, unknown>): boolean {
  return result['cacheScope'] !== undefined && result['cacheScope'] !== 'private'
}

function resultToModern(result: string, method: string): string {
  // A legacy upstream says nothing about caching, and what it answers may depend on the caller: never to be shared.
  const caching = cachedMethods.has(method) ? { ttlMs: '0', cacheScope: '"private"' } : {}
  return editObject(result, { resultType: '"complete"', ...caching })
}

// An upstream of the modern era that can do it in no other way says so.
function wantsTask({ code, data }: RpcError): boolean {
  const required = isObject(data) ? data['requiredCapabilities'] : undefined
  const extensions = isObject(required) ? required['extensions'] : undefined
  return code === -32021 && isObject(extensions) && extensions[tasksExtension] !== undefined
}

// That of the experiment, which is made only for who asks for it: nobody here does.
function isTask({ task, resultType, content }: Record<string, unknown>): boolean {
  return resultType === 'task' || (isObject(task) && content === undefined)
}

function cannotTranslate(way: Translation, what: string): string {
  const then = way.to === 'legacy' ? `: use a client that speaks MCP ${modernVersion}` : ''
  const why = `\`${way.upstream}\` ${what} this client's protocol version does not know${then}`
  const body =
    way.method === 'tools/call'
      ? {
          result: {
            content: [{ type: 'text', text: why }],
            isError: true,
            ...(way.to === 'modern' && { resultType: 'complete' }),
          },
        }
      : { error: { code: -32603, message: why } }
  return JSON.stringify({ jsonrpc: '2.0', id: way.id, ...body })
}

/** What a `server/discover` result tells, or `undefined` if it offers no modern revision that we speak. */
export function learntFromDiscover(result: Record<string, unknown>): Learnt | undefined {
  const versions = result['supportedVersions']
  if (!Array.isArray(versions) || !versions.includes(modernVersion)) return undefined
  const meta = result['_meta']
  const info = isObject(meta) ? meta[`${metaPrefix}serverInfo`] : undefined
  return { era: 'modern', protocolVersion: modernVersion, ...identityOf(info ?? result['serverInfo'], result) }
}

/** What an `initialize` result tells: the revision that everything after it is spoken in is the one that it names. */
export function learntFromInitialize(upstream: string, result: Record<string, unknown>): Learnt {
  const { protocolVersion = legacyVersion } = result
  if (typeof protocolVersion !== 'string' || !legacyVersions.includes(protocolVersion))
    throw unspoken(upstream, protocolVersion)
  return { era: 'legacy', protocolVersion, ...identityOf(result['serverInfo'], result) }
}

function identityOf(
  info: unknown,
  result: Record<string, unknown>,
): Pick<Learnt, 'serverName' | 'serverVersion' | 'instructions' | 'capabilities'> {
  const { name, version } = isObject(info) ? info : {}
  const { instructions, capabilities } = result
  return {
    serverName: typeof name === 'string' ? name.slice(0, 200) : '',
    serverVersion: typeof version === 'string' ? version.slice(0, 200) : '',
    instructions: typeof instructions === 'string' ? instructions.slice(0, 65_536) : undefined,
    capabilities: isObject(capabilities) && JSON.stringify(capabilities).length <= 65_536 ? capabilities : {},
  }
}
