import { z } from 'zod'
import { Fault } from '../base/fault.ts'
import { digestOf } from '../base/ids.ts'
import { canonicalJson } from '../base/json.ts'
import { toolDefinitionSchema } from '../model/tool-definition.ts'
import type { ToolDefinition } from '../model/tool-definition.ts'
import { differences } from './definition/difference.ts'
import type { Difference } from './definition/difference.ts'
import { suspicionsIn } from './definition/suspicion.ts'

/** The fields that the pin covers: all that a model or a person is shown, and all that the effect is judged by. */
export const pinnedFields = ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations'] as const

/** A definition may be no larger than this, in bytes of its canonical form. */
export const definitionBytesMax = 256 * 1024

/**
 * Reads one entry of an upstream's `tools/list`.
 *
 * Unknown fields stay, so that what a client is shown is what the upstream said; the value given is the value returned.
 *
 * @param value As parsed by `readJson`, which bounds depth and refuses what has no canonical form.
 * @returns The definition; its `name` is safe to stand in addresses and in the ledger.
 * @throws {Fault} `inventory.bad_definition` naming the first field that is wrong; the tool is then withheld.
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool
 */
export function readDefinition(value: unknown): ToolDefinition {
  const read = toolDefinitionSchema.safeParse(value)
  if (!read.success)
    throw badDefinition(nameOf(value), z.prettifyError(read.error).split('\n').slice(0, 2).join(' ').trim())
  const definition = value as ToolDefinition
  const bytes = Buffer.byteLength(canonical(definition))
  if (bytes > definitionBytesMax)
    throw badDefinition(definition.name, `it has ${bytes} bytes and may have ${definitionBytesMax}`)
  return definition
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
export function definitionDigest(definition: ToolDefinition): string {
  return digestOf(canonical(pinnedPart(definition)))
}

/**
 * Says what changed between the accepted definition and the live one, for the page on which it is accepted again.
 *
 * Empty when, and only when, the digests are equal. Old and new text are a stranger's and may hold invisible characters:
 * show them through `visible`.
 *
 * @returns At most 200 differences in the order of `pinnedFields`; when there are more, the last one says so.
 */
export function describeDrift(before: ToolDefinition, after: ToolDefinition): Difference[] {
  return differences(pinnedPart(before), pinnedPart(after))
}

/**
 * Names what in the words of a definition looks made to deceive a model or a reader: hidden characters, terminal codes,
 * orders to the model. A warning to show, never a ground for a decision: the list is short and the absence of a
 * suspicion proves nothing.
 *
 * @returns One sentence for each field and kind, at most 50.
 */
export function suspicions(definition: ToolDefinition): string[] {
  return suspicionsIn(pinnedPart(definition))
}

function pinnedPart(definition: ToolDefinition): Record<string, unknown> {
  return Object.fromEntries(
    pinnedFields.flatMap((field) => (definition[field] === undefined ? [] : [[field, definition[field]]])),
  )
}

function canonical(value: Record<string, unknown>): string {
  try {
    return canonicalJson(value)
  } catch (error) {
    throw badDefinition(nameOf(value), error instanceof Error ? error.message : 'it has no canonical form', error)
  }
}

function nameOf(value: unknown): string {
  const name: unknown = typeof value === 'object' && value !== null && 'name' in value ? value.name : undefined
  return typeof name === 'string' ? name.slice(0, 128).replaceAll(/[^\w./-]/g, '?') : '(without a name)'
}

function badDefinition(name: string, why: string, cause?: unknown): Fault {
  return new Fault('inventory.bad_definition', `cannot accept the definition of tool \`${name}\` from its upstream`, {
    detail: why,
    cause,
  })
}
