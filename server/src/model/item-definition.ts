import { z } from 'zod'
import { isItem, type ItemKind } from './item.ts'
import { toolDefinitionSchema } from './tool-definition.ts'
import { readUriTemplate } from './uri-template.ts'

/** An item as its upstream, or the administrator who declared it, describes it: words to be judged and never believed. */
export type ItemDefinition = Record<string, unknown>

const key = (kind: ItemKind, must: string) => z.string().refine((text) => isItem({ kind, key: text }), must)
const words = { title: z.string().max(512).optional(), description: z.string().max(65_536).optional() }
const annotations = z.looseObject({}).optional()

const argument = z.looseObject({
  name: z
    .string()
    .regex(/^[\u0021-\u007e]{1,128}$/, 'must be 1 to 128 visible ASCII characters')
    .refine((name) => name !== '__proto__', 'must be a name that JSON readers agree on'),
  ...words,
  required: z.boolean().optional(),
})

const described = {
  name: z.string().min(1).max(512),
  ...words,
  mimeType: z.string().max(255).optional(),
  annotations,
}

const uriMust = 'must be an absolute URI of at most 1,024 characters'

/**
 * The shape of each kind of item. Unknown members are let through: later revisions of the protocol add some.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/prompts
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/resources
 */
export const itemDefinitionSchemas: Readonly<Record<ItemKind, z.ZodType>> = {
  tool: toolDefinitionSchema,
  prompt: z.looseObject({
    name: key('prompt', 'must be 1 to 128 visible ASCII characters'),
    ...words,
    arguments: z
      .array(argument)
      .max(128)
      .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'must name each argument once')
      .optional(),
  }),
  resource: z.looseObject({ uri: key('resource', uriMust), ...described }),
  template: z.looseObject({
    uriTemplate: key('template', `${uriMust} with expressions in braces`).refine(
      (text) => readUriTemplate(text) !== undefined,
      'must be a URI template that can be read in one way only',
    ),
    ...described,
  }),
  method: z.looseObject({
    name: key('method', 'must be a method of at most 128 letters, digits, `_`, `-`, `.`, `$` and single `/`'),
    ...words,
    inputSchema: z.looseObject({ type: z.literal('object') }),
  }),
  text: z.looseObject({ name: key('text', 'must be `instructions`'), text: z.string().max(65_536) }),
  extension: z.looseObject({ name: key('extension', 'must be the identifier of an extension'), settings: z.unknown() }),
}

/** The member of a definition that says which item it is. */
export const keyMembers: Readonly<Record<ItemKind, string>> = {
  tool: 'name',
  prompt: 'name',
  resource: 'uri',
  template: 'uriTemplate',
  method: 'name',
  text: 'name',
  extension: 'name',
}
