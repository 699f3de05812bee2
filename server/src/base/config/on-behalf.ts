import { z } from 'zod'
import { isLoopbackHost } from './address.ts'
import { check, envName, issuer, slug } from './fields.ts'

const scope = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/, 'must be scopes with one space between them')
  .optional()
const target = z.string().min(1).max(2_048).optional()
const client = z.strictObject({ id: z.string().regex(/^[\x21-\x7e]{1,2048}$/), secretEnv: envName.optional() })
const url = check((text) => {
  if (!URL.canParse(text)) return 'must be the address of the upstream, such as `https://notes.example.com/mcp`'
  const { protocol, hostname } = new URL(text)
  if (protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname))) return undefined
  return 'must start with https: plain http is for loopback only'
})

/** In whose name an upstream is called, and how the gateway comes by a token for that. */
export const onBehalf = z.record(
  slug,
  z.discriminatedUnion('way', [
    z.strictObject({
      way: z.literal('assertion'),
      url: url.optional(),
      issuer,
      client,
      grant: z.enum(['jwt-bearer', 'token-exchange']).default('jwt-bearer'),
      people: slug.optional(),
      audience: target,
      resource: target,
      scope,
    }),
    z.strictObject({
      way: z.literal('provider'),
      url: url.optional(),
      provider: slug,
      audience: target,
      resource: target,
      scope,
    }),
    z.strictObject({
      way: z.literal('id-jag'),
      url: url.optional(),
      provider: slug,
      issuer,
      client,
      resource: target,
      scope,
    }),
  ]),
)
