import type { Effect } from '../model/effect.ts'
import { scope as everything } from './metadata.ts'

// Which tools a client gets is chosen by a person and kept in the grant. Scopes say what a client asks to be offered, what
// it was given, and what a refused call lacks; where nobody chooses, they cut what is given, or bind the token that reaches it.
// spec/authorization.md is this file in words.

/** One scope, read. */
export type Scope =
  | { of: 'everything'; text: string }
  /** All up to an effect. What destroys is named tool by tool. */
  | { of: 'effect'; text: string; upstream: string; upTo: 'read' | 'write' }
  | { of: 'tool'; text: string; upstream: string; tool: string }

/** A tool, or whatever else an upstream offers, as scopes see it. */
export interface Scoped {
  upstream: string
  name: string
  effect: Effect
}

const scopesMax = 50
const textMax = 400
// More would not fit into headers: then `mcp` says it for all.
const grantedMax = 20

/** The scope of one tool: `mux:tool:create_asset`. What a scope cannot hold is percent-encoded. */
export function toolScope(upstream: string, tool: string): string {
  return `${upstream}:tool:${encodeURIComponent(tool.toWellFormed())}`
}

/** Reads the scopes that mean anything here; others, and what is beyond 50, are left out. */
export function readScopes(text: string): Scope[] {
  const all = new Set(text.split(' ').filter((one) => one !== '' && one.length <= textMax))
  return [...all].slice(0, scopesMax).flatMap((one) => readScope(one) ?? [])
}

function readScope(text: string): Scope | undefined {
  if (text === everything) return { of: 'everything', text }
  const [, upstream, upTo, encoded] = /^([a-z][a-z0-9-]{0,39}):(?:(read|write)|tool:(.+))$/.exec(text) ?? []
  if (upstream === undefined) return undefined
  if (upTo === 'read' || upTo === 'write') return { of: 'effect', text, upstream, upTo }
  try {
    return { of: 'tool', text, upstream, tool: decodeURIComponent(encoded!) }
  } catch {
    return undefined
  }
}

/** Scopes as they are told. */
export function writeScopes(scopes: readonly Scope[]): string {
  return scopes.map(({ text }) => text).join(' ')
}

/** The scopes that concern these upstreams; where none does, the client asks for whatever there is. */
export function scopesFor(upstreams: readonly string[], text: string): Scope[] {
  const concerned = readScopes(text).filter((one) => one.of === 'everything' || upstreams.includes(one.upstream))
  return concerned.length > 0 ? concerned : [{ of: 'everything', text: everything }]
}

/** Whether a text says nothing but scopes that concern these upstreams. */
export function concernsOnly(upstreams: readonly string[], text: string): boolean {
  const words = new Set(text.split(' ').filter((one) => one !== ''))
  const scopes = readScopes(text).filter((one) => one.of === 'everything' || upstreams.includes(one.upstream))
  return scopes.length === words.size
}

/** Whether a scope reaches a tool: the one for everything and `write` also what a narrower one reaches. */
export function reaches(scope: Scope, { upstream, name, effect }: Scoped): boolean {
  if (scope.of === 'everything') return true
  if (scope.upstream !== upstream) return false
  if (scope.of === 'tool') return scope.tool === name
  return effect === 'read' || (effect === 'write' && scope.upTo === 'write')
}

/**
 * The gravest that a scope can reach: what reaches it reaches all that the scope does. A tool may be as grave as any; nobody
 * names the one that stands for everything.
 */
export function gravestOf(scope: Scope): Scoped {
  if (scope.of === 'everything') return { upstream: '', name: '', effect: 'destructive' }
  if (scope.of === 'tool') return { upstream: scope.upstream, name: scope.tool, effect: 'destructive' }
  return { upstream: scope.upstream, name: '', effect: scope.upTo }
}

/**
 * The scopes by which to tell what each of several texts reaches: of any two, one of each text, the narrower. A tool that is
 * named by one and beyond the effect of the other is among them all the same: what is reached, `reaches` says text by text.
 */
export function commonScopes(texts: readonly (readonly Scope[])[]): readonly Scope[] {
  const [first = [], ...rest] = texts
  return rest.reduce<readonly Scope[]>((common, text) => {
    const narrower = common.flatMap((one) => text.flatMap((other) => narrowerOf(one, other) ?? []))
    return [...new Map(narrower.map((scope) => [scope.text, scope])).values()]
  }, first)
}

function narrowerOf(one: Scope, other: Scope): Scope | undefined {
  if (one.of === 'everything') return other
  if (other.of === 'everything') return one
  if (one.upstream !== other.upstream) return undefined
  if (one.of === 'tool' && other.of === 'tool') return one.tool === other.tool ? one : undefined
  if (one.of === 'tool') return one
  if (other.of === 'tool') return other
  return one.upTo === 'read' ? one : other
}

/**
 * What a client is told that it was given: the scopes that it asked for and got whole, and of those that it got in part
 * the tools.
 *
 * @param offered All that could have been given, and whether it was.
 */
export function grantedScope(asked: readonly Scope[], offered: readonly (Scoped & { given: boolean })[]): string {
  const granted = new Set<string>()
  for (const scope of asked) {
    const reached = offered.filter((one) => reaches(scope, one))
    const given = reached.filter((one) => one.given)
    if (scope.of === 'everything' || (given.length > 0 && given.length === reached.length)) granted.add(scope.text)
    else for (const { upstream, name } of given) granted.add(toolScope(upstream, name))
  }
  return granted.size === 0 || granted.size > grantedMax ? everything : [...granted].join(' ')
}

/** What a client is told after more was given. */
export function widenedScope(scope: string | undefined, given: readonly Scoped[]): string | undefined {
  if (scope === undefined) return undefined
  const known = readScopes(scope)
  const more = given.filter((one) => !known.some((had) => reaches(had, one)))
  const all = new Set([...scope.split(' '), ...more.map(({ upstream, name }) => toolScope(upstream, name))])
  return all.size > grantedMax ? everything : [...all].join(' ')
}
