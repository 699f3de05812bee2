import { Fault } from '../base/fault.ts'
import { isObject } from '../base/json.ts'
import type { PinnedCatalogue } from '../inventory/catalogue.ts'
import { nameOfItem } from '../model/item.ts'
import type { Envelope } from './envelope.ts'
import { resourceAt } from './asked/resource.ts'

type Params = Readonly<Record<string, unknown>>

/** What a request asks for: which item of the upstream, with which arguments. */
export interface Asked {
  /** The item's name in the inventory. */
  item: string
  /** What the rules of the item are held against: its arguments, by their names. */
  judged: unknown
  /** What the limits of a grant are held against: the arguments of the plain call, as far as this use says them. */
  limited: Params
  /** What is recorded, and what an approval binds: of this the canonical bytes and their digest are made. */
  bound: Params
  /** The members of `params` that go to the upstream, from what was bound. */
  written(bound: Params): Params
}

interface Way {
  /** What the upstream must have declared for the method to be served; absent: it need not. */
  capability?: string
  /** A member that was not judged is not sent, and one that is not sent cannot be promised: any other is refused. */
  members: readonly string[]
  read(params: Params, catalogue: PinnedCatalogue | undefined): Asked
}

const unjudged = ['_meta', 'inputResponses', 'requestState']
// Both eras demand that who does not take it ignores it: as a wish for a task of the experiment of 2025-11-25. It is not sent.
const ignored = ['task']

/**
 * The methods of the protocol that are forwarded, each with how its item and its arguments are read. All take one path: the
 * item is decided on, the intent recorded, the request sent, the outcome recorded.
 */
const ways: Readonly<Record<string, Way>> = {
  'tools/call': { members: ['name', 'arguments', ...unjudged, ...ignored], read: (params) => named('tool', params) },
  'prompts/get': {
    capability: 'prompts',
    members: ['name', 'arguments', ...unjudged],
    read: (params) => named('prompt', params),
  },
  'resources/read': {
    capability: 'resources',
    members: ['uri', ...unjudged],
    read: atUri,
  },
  'resources/subscribe': {
    capability: 'resources',
    members: ['uri', '_meta'],
    read: (params, catalogue) => usedBy('resources/subscribe', atUri(params, catalogue)),
  },
  'resources/unsubscribe': {
    capability: 'resources',
    members: ['uri', '_meta'],
    read: (params, catalogue) => usedBy('resources/unsubscribe', atUri(params, catalogue)),
  },
  'completion/complete': {
    capability: 'completions',
    members: ['ref', 'argument', 'context', '_meta'],
    read: (params, catalogue) => usedBy('completion/complete', completion(params, catalogue)),
  },
}

/** The capability that an upstream must have declared for this method of the protocol; undefined where it needs none. */
export function capabilityFor(method: string): string | undefined {
  return Object.hasOwn(ways, method) ? ways[method]!.capability : undefined
}

/** Whether requests of this method are forwarded: it is one of the protocol's, or was declared for this upstream. */
export function isForwarded(method: string, catalogue: PinnedCatalogue | undefined): boolean {
  return Object.hasOwn(ways, method) || catalogue?.tools.has(nameOfItem({ kind: 'method', key: method })) === true
}

/**
 * Reads what a forwarded request asks for.
 *
 * @param catalogue by which the URI of a resource is matched with templates.
 * @throws {Fault} `gateway.bad_params` naming the member that does not fit.
 */
export function readAsked(
  { method, params }: Pick<Envelope, 'method' | 'params'>,
  catalogue: PinnedCatalogue | undefined,
): Asked {
  if (!Object.hasOwn(ways, method)) return declared(method, params)
  const way = ways[method]!
  requireOnly(params, way.members)
  return way.read(params, catalogue)
}

/** Whether this can be the address of a resource: so long a one may be remembered. */
export function isResourceUri(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 2_048
}

function atUri({ uri }: Params, catalogue: PinnedCatalogue | undefined): Asked {
  if (!isResourceUri(uri)) throw bad('`uri` must be the URI of a resource')
  return { ...resourceAt(catalogue, uri), limited: { uri }, bound: { uri }, written: asBound }
}

const asBound = (bound: Params): Params => bound

/** An item that is used otherwise than by its plain call: the record says so, and what was approved is this use alone. */
export function usedBy(method: string, asked: Asked): Asked {
  return { ...asked, bound: { ...asked.bound, method }, written: ({ method: _ours, ...rest }) => asked.written(rest) }
}

function named(kind: 'tool' | 'prompt', params: Params): Asked {
  const { name } = params
  if (typeof name !== 'string' || name === '' || name.length > 256) throw bad(`\`name\` must be the name of a ${kind}`)
  const judged = params['arguments']
  if (judged !== undefined && !isObject(judged)) throw new Fault('gateway.bad_params', '`arguments` must be an object')
  return {
    item: nameOfItem({ kind, key: name }),
    judged,
    limited: judged ?? {},
    bound: judged ?? {},
    written: (bound) => ({ name, arguments: bound }),
  }
}

// Of a method that the protocol does not know everything is an argument but what belongs to every request.
function declared(method: string, params: Params): Asked {
  const bound = Object.fromEntries(Object.entries(params).filter(([name]) => !unjudged.includes(name)))
  return { item: nameOfItem({ kind: 'method', key: method }), judged: bound, limited: bound, bound, written: asBound }
}

function completion(params: Params, catalogue: PinnedCatalogue | undefined): Asked {
  const { ref, argument, context } = params
  if (!isObject(argument) || typeof argument['name'] !== 'string' || typeof argument['value'] !== 'string')
    throw bad('`argument` must hold a `name` and a `value`')
  requireOnly(argument, ['name', 'value'])
  const given = context === undefined ? {} : isObject(context) ? (context['arguments'] ?? {}) : undefined
  if (!isObject(given)) throw bad('`context` must hold `arguments`')
  if (context !== undefined) requireOnly(context as Params, ['arguments'])
  const { name, value } = argument as { name: string; value: string }
  // Programs send what is being completed twice, as it was and as it is: then neither may be what is refused.
  const twice = Object.hasOwn(given, name) && given[name] !== value
  const judged = { ...given, [name]: twice ? [given[name], value] : value }
  return {
    item: completed(ref, catalogue),
    judged,
    limited: judged,
    bound: { ref, argument, ...(context !== undefined && { context }) },
    written: asBound,
  }
}

function completed(ref: unknown, catalogue: PinnedCatalogue | undefined): string {
  if (isObject(ref) && ref['type'] === 'ref/prompt' && typeof ref['name'] === 'string') {
    requireOnly(ref, ['type', 'name', 'title'])
    return nameOfItem({ kind: 'prompt', key: ref['name'] })
  }
  if (isObject(ref) && ref['type'] === 'ref/resource' && typeof ref['uri'] === 'string') {
    requireOnly(ref, ['type', 'uri'])
    const template = nameOfItem({ kind: 'template', key: ref['uri'] })
    if (catalogue?.tools.has(template) === true) return template
    return nameOfItem({ kind: 'resource', key: ref['uri'] })
  }
  throw bad('`ref` must name a prompt, or a resource template')
}

function requireOnly(given: Params, members: readonly string[]): void {
  const other = Object.keys(given).find((name) => !members.includes(name))
  if (other !== undefined) throw bad(`\`${other.slice(0, 64)}\` is not served here; leave it out`)
}

function bad(why: string): Fault {
  return new Fault('gateway.bad_params', `cannot call: ${why}`)
}
