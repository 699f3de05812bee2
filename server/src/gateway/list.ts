import { hash } from 'node:crypto'
import type { CatalogueTool, PinnedCatalogue } from '../inventory/catalogue.ts'
import type { Bundle } from '../model/bundle.ts'
import { itemOf, type ItemKind } from '../model/item.ts'
import { decide } from '../policy/decide.ts'
import { nextEnd, type FactSource, type View } from './facts.ts'

/**
 * The methods that list, each with the kind of item that it lists, the member of its result, and what the upstream must
 * have declared for it to be served.
 */
export const lists: Readonly<Record<string, { kind: ItemKind; member: string; capability?: string }>> = {
  'tools/list': { kind: 'tool', member: 'tools' },
  'prompts/list': { kind: 'prompt', member: 'prompts', capability: 'prompts' },
  'resources/list': { kind: 'resource', member: 'resources', capability: 'resources' },
  'resources/templates/list': { kind: 'template', member: 'resourceTemplates', capability: 'resources' },
}

/** What one view shows of one kind. */
export interface Shown {
  /** The items that may be called or requested, in the order of the upstream. */
  items: readonly CatalogueTool[]
  /** Digest of their names and accepted definitions: two of one upstream are equal exactly when a client sees the same. */
  digest: string
}

/** Everything that a view shows, and when it does. */
interface Remembered {
  from: number
  until: number
  kinds: Map<ItemKind, Shown>
}

// Some two hundred lists of a hundred tools.
const textBytesMax = 64 * 1024 * 1024

/**
 * What each caller is shown: exactly the items that may be called or requested, by their accepted definitions. The live
 * list of the upstream never reaches a client.
 *
 * What is decided is remembered with its view, so it is forgotten with it, and until the next right of it ends by time.
 * The text is remembered with the catalogue that it is made of, by all that distinguishes it: callers who are shown the
 * same definitions of the same upstream share its bytes, which hold nothing else.
 */
export class Lists {
  readonly #facts: FactSource
  readonly #shown = new WeakMap<View, Remembered>()
  #texts = new WeakMap<PinnedCatalogue | Bundle, Map<string, Uint8Array>>()
  #textBytes = 0

  constructor(facts: FactSource) {
    this.#facts = facts
  }

  /** The items that a list shows: each is decided like a call of it whose arguments are not known yet. */
  shown(view: View, kind: ItemKind): Shown {
    const now = this.#facts.now()
    let remembered = this.#shown.get(view)
    if (remembered === undefined || now < remembered.from || remembered.until <= now) {
      remembered = { from: now, until: nextEnd(view, now), kinds: new Map() }
      this.#shown.set(view, remembered)
    }
    let shown = remembered.kinds.get(kind)
    if (shown === undefined) {
      shown = this.#decide(view, kind)
      remembered.kinds.set(kind, shown)
    }
    return shown
  }

  #decide(view: View, kind: ItemKind): Shown {
    const items = [...(view.catalogue?.tools.values() ?? [])].filter(({ tool, definition }) => {
      if (definition === undefined || itemOf(tool.name).kind !== kind) return false
      return decide(this.#facts.gather(view, { tool: tool.name })).allow
    })
    const seen = JSON.stringify([kind, ...items.map(({ tool }) => [tool.name, tool.digest])])
    return { items, digest: hash('sha256', seen, 'base64') }
  }

  /** The definitions of these items as the JSON text of one array, in UTF-8. There is no second page. */
  text(view: View, kind: ItemKind): Uint8Array {
    const { items, digest } = this.shown(view, kind)
    const { catalogue } = view
    if (catalogue === undefined) return write(items)
    return this.remembered(catalogue, digest, () => write(items))
  }

  /**
   * The text that was made of a catalogue or a bundle before, or that is made now.
   *
   * @param of what it is made of; it is forgotten with it.
   * @param digest of everything else that it is made of.
   */
  remembered(of: PinnedCatalogue | Bundle, digest: string, make: () => Uint8Array): Uint8Array {
    return this.#texts.get(of)?.get(digest) ?? this.#remember(of, digest, make())
  }

  #remember(of: PinnedCatalogue | Bundle, digest: string, text: Uint8Array): Uint8Array {
    this.#textBytes += text.byteLength
    // What belongs to catalogues of the past is counted until then, and gone already.
    if (this.#textBytes > textBytesMax) {
      this.#texts = new WeakMap()
      this.#textBytes = text.byteLength
    }
    const texts = this.#texts.get(of) ?? new Map<string, Uint8Array>()
    this.#texts.set(of, texts.set(digest, text))
    return text
  }
}

function write(items: readonly CatalogueTool[]): Uint8Array {
  return Buffer.from(JSON.stringify(items.map(({ definition }) => definition)))
}
