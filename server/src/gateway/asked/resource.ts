import { compareEffect } from '../../model/effect.ts'
import { itemOf, nameOfItem } from '../../model/item.ts'
import { readUriTemplate } from '../../model/uri-template.ts'
import type { CatalogueTool, PinnedCatalogue } from '../../inventory/catalogue.ts'

// Which item a URI means must not depend on who asks, nor on what has only been offered: of what was ever accepted the
// resource itself decides, else the template that fixes most of the URI. One that is withheld withholds what it covers.

interface Match {
  item: CatalogueTool
  fixed: number
  values: Map<string, string>
}

/** The item that a URI means, and the values of its variables, each as it stands in the URI and as it reads decoded. */
export function resourceAt(catalogue: PinnedCatalogue | undefined, uri: string): { item: string; judged: unknown } {
  const exact = nameOfItem({ kind: 'resource', key: uri })
  if (catalogue?.tools.get(exact)?.definition !== undefined) return { item: exact, judged: {} }
  const best = matches(catalogue, uri).toSorted(moreExact)[0]
  if (best === undefined) return { item: exact, judged: {} }
  const judged = Object.fromEntries([...best.values].map(([name, value]) => [name, [value, decoded(value)]]))
  return { item: best.item.tool.name, judged }
}

function matches(catalogue: PinnedCatalogue | undefined, uri: string): Match[] {
  const found: Match[] = []
  for (const item of catalogue?.tools.values() ?? []) {
    const { kind, key } = itemOf(item.tool.name)
    if (kind !== 'template' || item.definition === undefined) continue
    const template = readUriTemplate(key)
    const values = template?.match(uri)
    if (values !== undefined) found.push({ item, fixed: template!.fixed, values })
  }
  return found
}

function moreExact(a: Match, b: Match): number {
  const [one, other] = [a.item.tool, b.item.tool]
  return b.fixed - a.fixed || compareEffect(other.effect, one.effect) || (one.name < other.name ? -1 : 1)
}

// A value that is no UTF-8 reads differently for everybody: it is judged as what no rule lets through.
function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return '\u0000'
  }
}
