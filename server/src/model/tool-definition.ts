import { z } from 'zod'

const jsonObject = z.record(z.string(), z.unknown())

/**
 * The shape of a tool as an upstream lists it. Unknown fields are let through: later revisions of the protocol add some.
 * Names follow the guidance of the protocol, because they become parts of addresses, entitlements and ledger entries.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-names
 */
export const toolDefinitionSchema = z.looseObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_./-]{1,128}$/, 'must be 1 to 128 letters, digits, `_`, `-`, `.` or `/`')
    .refine((name) => name !== '__proto__', 'must be a name that JSON readers agree on'),
  title: z.string().max(512).optional(),
  description: z.string().max(65_536).optional(),
  inputSchema: jsonObject.refine((schema) => schema['type'] === 'object', 'must be a schema of type `object`'),
  outputSchema: jsonObject.optional(),
  annotations: z
    .looseObject({
      title: z.string().max(512).optional(),
      readOnlyHint: z.boolean().optional(),
      destructiveHint: z.boolean().optional(),
      idempotentHint: z.boolean().optional(),
      openWorldHint: z.boolean().optional(),
    })
    .optional(),
})

/** A tool as an upstream describes it: words of a stranger, to be judged and never believed. */
export interface ToolDefinition {
  name: string
  title?: string | undefined
  description?: string | undefined
  inputSchema: Record<string, unknown>
  outputSchema?: Record<string, unknown> | undefined
  annotations?: ToolHints | undefined
  [unknown: string]: unknown
}

/** What the upstream claims about the effect of a tool. A claim can raise what the rest says, never lower it. */
export interface ToolHints {
  title?: string | undefined
  readOnlyHint?: boolean | undefined
  destructiveHint?: boolean | undefined
  idempotentHint?: boolean | undefined
  openWorldHint?: boolean | undefined
  [unknown: string]: unknown
}
