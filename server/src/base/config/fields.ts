import { z } from 'zod'
import { isLoopbackHost } from './address.ts'

/** A text in which `problem` finds nothing wrong. */
export const check = (problem: (text: string) => string | undefined) =>
  z.string().superRefine((text, context) => {
    const found = problem(text)
    if (found) context.addIssue({ code: 'custom', message: found })
  })

export const envName = check((text) =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) ? undefined : 'must be the name of an environment variable, not a value',
)

export const slug = check((text) =>
  /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text) ? undefined : 'must be 1 to 63 of a-z, 0-9 and `-`',
)

/** The short name of an identity provider: also the source of the memberships that follow from what it says. */
export const providerId = slug
  .refine((id) => id !== 'local', 'must not be `local`: that is the name of the passwords kept here')
  .refine(
    (id) => !/^(?:hand|scim)(?:-|$)/.test(id),
    'must not be `hand` or `scim`, or begin so: those are other sources',
  )

export const label = z.string().trim().min(1).max(100)

function issuerProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'must be the address of the issuer, such as `https://login.example.com`'
  const url = new URL(text)
  if (url.username || url.password || url.search || url.hash) return 'must have no user, query or fragment'
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))) return undefined
  return 'must start with https: plain http is for loopback only'
}

/** The issuer of tokens: compared to the letter. */
export const issuer = check(issuerProblem)

/** An issuer that may be a SPIFFE trust domain as well, `spiffe://example.org`. */
export const issuerOrTrustDomain = check((text) =>
  text.startsWith('spiffe://')
    ? /^spiffe:\/\/[a-z0-9._-]{1,255}$/.test(text)
      ? undefined
      : 'must be a trust domain such as `spiffe://example.org`, without a path'
    : issuerProblem(text),
)

/** Where the keys of an issuer or a client are. */
export const jwksUri = check((text) => {
  if (!URL.canParse(text)) return 'must be the address of the key set, such as `https://login.example.com/jwks`'
  const url = new URL(text)
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))) return undefined
  return 'must start with https: plain http is for loopback only'
})

const keyTypes = ['EC', 'RSA', 'OKP']
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** Public keys, as a JWK set. */
export const jwks = z.strictObject({
  keys: z
    .array(
      z.record(z.string(), z.unknown()).superRefine((key, context) => {
        const secret = privateMembers.find((name) => name in key)
        const message =
          secret !== undefined
            ? `is a private key (\`${secret}\`): only its public half belongs here, and this one is known to others now`
            : keyTypes.includes(String(key['kty']))
              ? undefined
              : `must be a public key: \`kty\` one of ${keyTypes.join(', ')}`
        if (message) context.addIssue({ code: 'custom', message })
      }),
    )
    .min(1)
    .max(20),
})
