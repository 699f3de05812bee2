import { effects, type Effect } from './effect.ts'
import { itemKinds, itemOf, type ItemKind } from './item.ts'

/** How each kind of item is called on pages, one and many of it. */
export const kindWords: Readonly<Record<ItemKind, { one: string; many: string }>> = {
  tool: { one: 'tool', many: 'tools' },
  prompt: { one: 'prompt', many: 'prompts' },
  resource: { one: 'resource', many: 'resources' },
  template: { one: 'family of resources', many: 'families of resources' },
  method: { one: 'method', many: 'methods' },
  text: { one: 'text for the model', many: 'texts for the model' },
  extension: { one: 'extension', many: 'extensions' },
}

/** Items that belong together on a page. */
export interface ItemGroup<Item> {
  kind: ItemKind
  /** The effect that tools are grouped by; absent for every other kind. */
  effect: Effect | undefined
  items: Item[]
}

/** Groups items as people look at them: tools by effect, in the given order, then every other kind by itself. */
export function groupItems<Item extends { name: string; effect: Effect }>(
  items: readonly Item[],
  order: readonly Effect[] = effects,
): ItemGroup<Item>[] {
  const byKind = Map.groupBy(items, ({ name }) => itemOf(name).kind)
  const groups = itemKinds.flatMap((kind): ItemGroup<Item>[] => {
    const some = byKind.get(kind) ?? []
    if (kind !== 'tool') return [{ kind, effect: undefined, items: some }]
    return order.map((effect) => ({ kind, effect, items: some.filter((item) => item.effect === effect) }))
  })
  return groups.filter((group) => group.items.length > 0)
}

/** How many items these are, in words: of their kind where it is one, else as things. */
export function countItems(items: readonly { name: string }[]): string {
  const kinds = new Set(items.map(({ name }) => itemOf(name).kind))
  const [kind = 'tool'] = kinds
  const { one, many } = kinds.size > 1 ? { one: 'thing', many: 'things' } : kindWords[kind]
  return `${items.length} ${items.length === 1 ? one : many}`
}
