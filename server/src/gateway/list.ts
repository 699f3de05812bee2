import type { CatalogueTool } from '../inventory/catalogue.ts'
import { decide } from '../policy/decide.ts'
import type { FactSource, View } from './facts.ts'

/**
 * Lists exactly the tools that may be called or requested by this caller, by their accepted definitions, in the order of
 * the upstream. The live list of the upstream never reaches a client.
 *
 * @returns the result of `tools/list`, whole: there is no second page.
 */
export function listTools(source: FactSource, view: View): Record<string, unknown> {
  const tools = listed(source, view).map(({ definition }) => definition)
  // Filtered by the caller's rights, so it is nobody else's to keep.
  return { tools, ttlMs: 0, cacheScope: 'private' }
}

/** The tools that a list shows: each is decided like a call of it whose arguments are not known yet. */
export function listed(source: FactSource, view: View): CatalogueTool[] {
  const all = [...(view.catalogue?.tools.values() ?? [])]
  return all.filter(
    ({ tool, definition }) => definition !== undefined && decide(source.gather(view, { tool: tool.name })).allow,
  )
}

/** The part of a list that the legacy eras know. */
export function withoutCacheHints(result: Record<string, unknown>): Record<string, unknown> {
  const { ttlMs: _ttl, cacheScope: _scope, ...rest } = result
  return rest
}
