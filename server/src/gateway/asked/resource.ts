import { compareEffect } from '../../model/effect.ts'
import { itemOf, nameOfItem } from '../../model/item.ts'
import { readUriTemplate, type UriTemplate } from '../../model/uri-template.ts'
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
  return templatesOf(catalogue).flatMap(({ item, template }) => {
    const values = template.match(uri)
    return values === undefined ? [] : [{ item, fixed: template.fixed, values }]
  })
}

interface Accepted {
  item: CatalogueTool
  template: UriTemplate
}

// A catalogue is one state of an upstream, which requests look at many times.
const known = new WeakMap<PinnedCatalogue, readonly Accepted[]>()

function templatesOf(catalogue: PinnedCatalogue | undefined): readonly Accepted[] {
  if (catalogue === undefined) return []
  const kept = known.get(catalogue)
  if (kept !== undefined) return kept
  const found = [...catalogue.tools.values()].flatMap((item): Accepted[] => {
    const { kind, key } = itemOf(item.tool.name)
    const template = kind === 'template' && item.definition !== undefined ? readUriTemplate(key) : undefined
    return template === undefined ? [] : [{ item, template }]
  })
  known.set(catalogue, found)
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
