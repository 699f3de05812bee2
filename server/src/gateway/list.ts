import type { CatalogueTool } from '../inventory/catalogue.ts'
import { itemOf, type ItemKind } from '../model/item.ts'
import { decide } from '../policy/decide.ts'
import type { FactSource, View } from './facts.ts'

/** The methods that list, each with the kind of item that it lists and the member of its result. */
export const lists: Readonly<Record<string, { kind: ItemKind; member: string }>> = {
  'tools/list': { kind: 'tool', member: 'tools' },
  'prompts/list': { kind: 'prompt', member: 'prompts' },
  'resources/list': { kind: 'resource', member: 'resources' },
  'resources/templates/list': { kind: 'template', member: 'resourceTemplates' },
}

/**
 * Lists exactly the items of a kind that may be called or requested by this caller, by their accepted definitions, in the
 * order of the upstream. The live list of the upstream never reaches a client.
 *
 * @param method one of `lists`.
 * @returns the result of the method, whole: there is no second page.
 */
export function listItems(source: FactSource, view: View, method: string): Record<string, unknown> {
  const { kind, member } = lists[method]!
  const items = listed(source, view, kind).map(({ definition }) => definition)
  // Filtered by the caller's rights, so it is nobody else's to keep.
  return { [member]: items, ttlMs: 0, cacheScope: 'private' }
}

/** The items that a list shows: each is decided like a call of it whose arguments are not known yet. */
export function listed(source: FactSource, view: View, kind: ItemKind): CatalogueTool[] {
  const all = [...(view.catalogue?.tools.values() ?? [])]
  return all.filter(({ tool, definition }) => {
    if (definition === undefined || itemOf(tool.name).kind !== kind) return false
    return decide(source.gather(view, { tool: tool.name })).allow
  })
}

/** The part of a list that the legacy eras know. */
export function withoutCacheHints(result: Record<string, unknown>): Record<string, unknown> {
  const { ttlMs: _ttl, cacheScope: _scope, ...rest } = result
  return rest
}
