import { z } from 'zod'
import { type ArgumentLimits, limitsSchema } from '../model/limits.ts'
import type { Grant } from '../model/rights.ts'
import { detailsType, resourceFor } from './metadata.ts'

// Rich authorization requests: exact tools, and limits of their arguments. spec/authorization.md is this file in words.

/** What a request may spend on it: it comes back in every token. */
const textMax = 4_000

const detailsSchema = z
  .array(
    z.strictObject({
      type: z.literal(detailsType),
      locations: z.array(z.string().max(500)).length(1).optional(),
      tools: z
        .array(z.strictObject({ name: z.string().min(1).max(300), arguments: limitsSchema.default({}) }))
        .min(1)
        .max(50),
    }),
  )
  .min(1)
  .max(10)

/** The tools that a request names, by what the grant calls them, each with the limits of its arguments. */
export type Details = ReadonlyMap<string, ArgumentLimits>

/**
 * Reads the parameter.
 *
 * @returns the tools, or in words what is wrong: of an unknown member nobody knows what it was meant to forbid.
 * @see https://www.rfc-editor.org/rfc/rfc9396#section-5
 */
export function readDetails(text: string, resource: string): Details | { problem: string } {
  if (text.length > textMax) return { problem: `it has more than ${textMax} characters` }
  const read = detailsSchema.safeParse(parse(text))
  if (!read.success) {
    const { path, message } = read.error.issues[0]!
    return { problem: `\`${path.join('.')}\`: ${message}` }
  }
  const details = new Map<string, ArgumentLimits>()
  for (const { locations, tools } of read.data) {
    if (locations !== undefined && locations[0] !== resource) return { problem: '`locations` is not the resource' }
    for (const { name, arguments: limits } of tools) {
      if (details.has(name)) return { problem: 'a tool is named twice' }
      details.set(name, limits)
    }
  }
  return details
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A grant's part that was asked for so, as it is told: in tokens, in their answers and by introspection. */
export function writeDetails(
  origin: string,
  grant: Pick<Grant, 'upstream' | 'limits'> | undefined,
): object[] | undefined {
  if (grant?.limits === undefined || grant.limits.size === 0) return undefined
  const tools = [...grant.limits].map(([name, limits]) => ({
    name,
    ...(Object.keys(limits).length > 0 && { arguments: limits }),
  }))
  return [{ type: detailsType, locations: [resourceFor(origin, grant.upstream)], tools }]
}
