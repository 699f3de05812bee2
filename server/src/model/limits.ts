import { z } from 'zod'

const textMax = 200
const scalar = z.union([z.string().max(textMax), z.number(), z.boolean()])

const limit = z
  .strictObject({
    const: scalar.optional(),
    enum: z.array(scalar).min(1).max(50).optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
  })
  .refine((one) => Object.keys(one).length > 0, 'a limit says something')

/** Reads what bounds the arguments of a tool, argument by argument; what is not known here is refused. */
export const limitsSchema = z
  .record(z.string().min(1).max(100), limit)
  .refine((all) => Object.keys(all).length <= 20, 'at most 20 arguments of a tool are limited')

/**
 * What bounds the arguments of a tool, by the words of JSON Schema. An argument that is limited must be there: what its
 * absence means only the upstream knows.
 */
export type ArgumentLimits = z.infer<typeof limitsSchema>

/** The first argument that is beyond its limit, or missing; undefined when all are within. */
export function findBeyond(
  limits: ArgumentLimits,
  args: Readonly<Record<string, unknown>> | undefined,
): string | undefined {
  for (const [name, one] of Object.entries(limits)) {
    const value = args !== undefined && Object.hasOwn(args, name) ? args[name] : undefined
    if (!isWithin(one, value)) return name
  }
  return undefined
}

// Written so that what is no scalar, and a comparison which yields no number, is beyond.
function isWithin(one: ArgumentLimits[string], value: unknown): boolean {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return false
  if (one.const !== undefined && value !== one.const) return false
  if (one.enum !== undefined && !one.enum.includes(value)) return false
  if (one.minimum !== undefined && !(typeof value === 'number' && value >= one.minimum)) return false
  return one.maximum === undefined || (typeof value === 'number' && value <= one.maximum)
}

/** The limits as a person reads them, one line for each argument. */
export function describeLimits(limits: ArgumentLimits): string[] {
  return Object.entries(limits).map(([name, one]) => {
    const parts = [
      ...(one.const === undefined ? [] : [`is ${JSON.stringify(one.const)}`]),
      ...(one.enum === undefined ? [] : [`is one of ${one.enum.map((value) => JSON.stringify(value)).join(', ')}`]),
      ...(one.minimum === undefined ? [] : [`is at least ${one.minimum}`]),
      ...(one.maximum === undefined ? [] : [`is at most ${one.maximum}`]),
    ]
    return `${name} ${parts.join(' and ')}`
  })
}
