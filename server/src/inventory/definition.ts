import { z } from 'zod'
import { Fault } from '../base/fault.ts'
import { digestOf } from '../base/ids.ts'
import { canonicalJson, isObject } from '../base/json.ts'
import { isItem, nameOfItem, type ItemKind } from '../model/item.ts'
import { itemDefinitionSchemas, keyMembers, type ItemDefinition } from '../model/item-definition.ts'
import { findBadMirror } from '../model/mirrored-headers.ts'
import { differences } from './definition/difference.ts'
import type { Difference } from './definition/difference.ts'
import { suspicionsIn } from './definition/suspicion.ts'

const described = ['name', 'title', 'description', 'mimeType', 'annotations']

/** The fields that the pin covers: all that a model or a person is shown, and all that the effect is judged by. */
export const pinnedFields: Readonly<Record<ItemKind, readonly string[]>> = {
  tool: ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations'],
  prompt: ['name', 'title', 'description', 'arguments'],
  resource: ['uri', ...described],
  template: ['uriTemplate', ...described],
  method: ['name', 'title', 'description', 'inputSchema'],
  text: ['name', 'text'],
  extension: ['name', 'settings'],
}

/** A definition may be no larger than this, in bytes of its canonical form. */
export const definitionBytesMax = 256 * 1024

/** An item as it was read from what an upstream offers. */
export interface ReadItem {
  /** Its name in the inventory, safe to stand in addresses and in the ledger. */
  name: string
  kind: ItemKind
  definition: ItemDefinition
}

/**
 * Reads one entry of a list of an upstream.
 *
 * Unknown fields stay, so that what a client is shown is what the upstream said. Two fields of a resource are taken out:
 * `size` and `annotations.lastModified` tell of its content at that moment, which is not what is accepted.
 *
 * @param value As parsed by `readJson`, which bounds depth and refuses what has no canonical form.
 * @throws {Fault} `inventory.bad_definition` naming the first field that is wrong; the item is then withheld.
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool
 */
export function readItem(value: unknown, kind: ItemKind = 'tool'): ReadItem {
  const read = itemDefinitionSchemas[kind].safeParse(value)
  const named = nameIn(value, kind)
  if (!read.success) throw badDefinition(named, z.prettifyError(read.error).split('\n').slice(0, 2).join(' ').trim())
  const badMirror = kind === 'tool' ? findBadMirror((value as ItemDefinition)['inputSchema']) : undefined
  if (badMirror !== undefined) throw badDefinition(named, badMirror)
  const definition = kind === 'resource' ? lasting(value as ItemDefinition) : (value as ItemDefinition)
  const bytes = Buffer.byteLength(canonical(definition, named))
  if (bytes > definitionBytesMax) throw badDefinition(named, `it has ${bytes} bytes and may have ${definitionBytesMax}`)
  return { name: nameOfItem({ kind, key: String(definition[keyMembers[kind]]) }), kind, definition }
}

function lasting({ size: _size, annotations, ...definition }: ItemDefinition): ItemDefinition {
  if (!isObject(annotations)) return definition
  const { lastModified: _modified, ...rest } = annotations
  return { ...definition, annotations: rest }
}

/**
 * The digest by which a tool is pinned: SHA-256 over the RFC 8785 form of exactly the fields of `pinnedFields`.
 *
 * Two definitions have the same digest when, and only when, these fields are the same JSON; the order of keys and all
 * other fields (`_meta`, icons) make no difference, and an absent field differs from an empty one.
 *
 * @returns 64 lower-case hexadecimal digits.
 * @throws {Fault} `inventory.bad_definition` for a value that has no canonical form, such as a lone surrogate.
 * @see https://www.rfc-editor.org/rfc/rfc8785
 */
export function definitionDigest(definition: ItemDefinition, kind: ItemKind = 'tool'): string {
  return digestOf(canonical(pinnedPart(definition, kind), nameIn(definition, kind)))
}

/**
 * Says what changed between the accepted definition and the live one, for the page on which it is accepted again.
 *
 * Empty when, and only when, the digests are equal. Old and new text are a stranger's and may hold invisible characters:
 * show them through `visible`.
 *
 * @returns At most 200 differences in the order of `pinnedFields`; when there are more, the last one says so.
 */
export function describeDrift(before: ItemDefinition, after: ItemDefinition, kind: ItemKind = 'tool'): Difference[] {
  return differences(pinnedPart(before, kind), pinnedPart(after, kind))
}

/**
 * Names what in the words of a definition looks made to deceive a model or a reader: hidden characters, terminal codes,
 * orders to the model. A warning to show, never a ground for a decision: the list is short and the absence of a
 * suspicion proves nothing.
 *
 * @returns One sentence for each field and kind, at most 50.
 */
export function suspicions(definition: ItemDefinition, kind: ItemKind = 'tool'): string[] {
  return suspicionsIn(pinnedPart(definition, kind))
}

function pinnedPart(definition: ItemDefinition, kind: ItemKind): Record<string, unknown> {
  return Object.fromEntries(
    pinnedFields[kind].flatMap((field) => (definition[field] === undefined ? [] : [[field, definition[field]]])),
  )
}

function canonical(value: Record<string, unknown>, named: string): string {
  try {
    return canonicalJson(value)
  } catch (error) {
    throw badDefinition(named, error instanceof Error ? error.message : 'it has no canonical form', error)
  }
}

// A name that is refused is shown as far as it can be shown.
function nameIn(value: unknown, kind: ItemKind): string {
  const key: unknown = isObject(value) ? value[keyMembers[kind]] : undefined
  if (typeof key !== 'string') return `${kind} (without a name)`
  const shown = isItem({ kind, key }) ? key : key.slice(0, 128).replaceAll(/[^\w./-]/g, '?')
  return `${kind} \`${shown}\``
}

function badDefinition(named: string, why: string, cause?: unknown): Fault {
  return new Fault('inventory.bad_definition', `cannot accept the definition of ${named} from its upstream`, {
    detail: why,
    cause,
  })
}
