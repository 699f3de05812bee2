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
    z.strictObject({ way: z.literal('connection'), url, issuer, client: client.optional(), scope }),
  ]),
)

/** A client that an authorization server knows this gateway as. */
export interface OwnClient {
  id: string
  /** Absent: it proves itself by the keys of this gateway (`private_key_jwt`). */
  secret: string | undefined
}

/** How the gateway comes by a token to call an upstream in the name of the person who calls, where it does. */
export type OnBehalf =
  /** The gateway vouches for the person, by its own signature. */
  | (Target & {
      way: 'assertion'
      issuer: string
      client: OwnClient
      grant: 'jwt-bearer' | 'token-exchange'
      /** The provider by whose subjects the authorization server knows people; absent: by our ids. */
      people: string | undefined
      audience: string | undefined
    })
  /** The provider that the person signed in through gives the token for what the login brought. */
  | (Target & { way: 'provider'; provider: string; audience: string | undefined })
  /** The provider gives an identity assertion (ID-JAG), and the upstream's authorization server the token for it. */
  | (Target & { way: 'id-jag'; provider: string; issuer: string; client: OwnClient })
  /** Each person connects it in a browser, at this issuer alone, as `client` where one was registered beforehand. */
  | (Omit<Target, 'resource'> & { way: 'connection'; issuer: string; client: OwnClient | undefined })

interface Target {
  /** The address of the upstream: such a token is sent nowhere else. Absent only where an OpenAPI document says it. */
  url: string | undefined
  resource: string | undefined
  scope: string | undefined
}

type SecretOf = (name: string | undefined, place: string) => string | undefined

export function readOnBehalf(name: string, one: z.infer<typeof onBehalf>[string], secretOf: SecretOf): OnBehalf {
  const { url, scope } = one
  const clientOf = ({ id, secretEnv }: { id: string; secretEnv?: string | undefined }): OwnClient => ({
    id,
    secret: secretOf(secretEnv, `\`onBehalf.${name}.client\``),
  })
  if (one.way === 'connection') return { ...one, url, scope, client: one.client && clientOf(one.client) }
  const target = { url, scope, resource: one.resource }
  if (one.way === 'provider') return { ...one, ...target, audience: one.audience }
  const client = clientOf(one.client)
  if (one.way === 'id-jag') return { ...one, ...target, client }
  return { ...one, ...target, client, people: one.people, audience: one.audience }
}
