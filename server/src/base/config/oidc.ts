import { z } from 'zod'
import { check, envName, issuer, label, providerId } from './fields.ts'
import type { ClaimPath, Preset } from './preset.ts'
import { presets } from './presets.ts'
import { isLoopbackHost } from './address.ts'

const domain = check((text) =>
  /^(?!-)[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(text) ? undefined : 'must be a domain such as `example.com`, in lower case',
)
const claim = z.string().min(1).max(200)
const path = z.union([claim.transform((name): ClaimPath => [name]), z.tuple([claim], claim).readonly()])
const values = z.array(z.string().min(1).max(500)).min(1).max(100)
const text = z.string().regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 visible characters without spaces')

const address = check((given) => {
  if (!URL.canParse(given)) return 'must be an address such as `https://graph.microsoft.com/v1.0/me/getMemberObjects`'
  const url = new URL(given)
  if (url.username || url.password || url.hash) return 'must have no user and no fragment'
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))) return undefined
  return 'must start with https: plain http is for loopback only'
})

const written = z.strictObject({
  id: providerId,
  name: label,
  preset: z.enum(Object.keys(presets) as (keyof typeof presets)[]).optional(),
  issuer,
  clientId: z.string().min(1).max(500),
  clientSecretEnv: envName.optional(),
  clientAuthentication: z.enum(['secret', 'private_key_jwt', 'none']).optional(),
  assertionAudience: z.enum(['issuer', 'token_endpoint']).optional(),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be a scope without spaces'))
    .refine((scopes) => scopes.includes('openid'), 'must contain `openid`')
    .optional(),
  domains: z.array(domain).max(100).default([]),
  button: z.boolean().default(true),
  prompt: z.enum(['login', 'select_account', 'consent']).optional(),
  require: z
    .strictObject({
      acr: z.array(text).max(20).default([]),
      amr: z.array(text).max(20).default([]),
      maxAgeSeconds: z.int().min(0).max(31_536_000).optional(),
      claims: z.record(claim, values).default({}),
    })
    .prefault({}),
  claims: z
    .strictObject({ name: path.default(['name']), email: path.default(['email']), groups: path.optional() })
    .prefault({}),
  groupsEndpoint: address.optional(),
  provisioning: z
    .strictObject({
      subject: z.enum(['externalId', 'userName']),
      claim: z.enum(['sub', 'oid']).default('sub'),
      endingsPerHour: z.int().min(1).max(200_000).default(200),
    })
    .optional(),
  logoutEndsGrants: z.boolean().default(true),
})

type Written = z.infer<typeof written>

/** One entry of `login.oidc`, with what its preset says. */
export const oidcProvider = written
  .superRefine((given, context) => {
    for (const [key, message] of problemsOf(given)) context.addIssue({ code: 'custom', path: [key], message })
  })
  .transform((given) => {
    const { preset, clientAuthentication, assertionAudience, scopes, ...rest } = given
    const known: Preset | undefined = preset && presets[preset]
    const signs = clientAuthentication === 'private_key_jwt'
    const audience = known !== undefined && 'audience' in known.signing ? known.signing.audience : 'issuer'
    const claims = { ...known?.requires?.(new URL(given.issuer)), ...given.require.claims }
    const [hint, ...others] = known?.hint === undefined ? [] : (claims[known.hint] ?? [])
    return {
      ...rest,
      signsFor: signs ? (assertionAudience ?? audience) : undefined,
      scopes: scopes ?? [...(known?.scopes ?? ['openid', 'profile', 'email'])],
      prompt: given.prompt,
      require: { ...given.require, maxAgeSeconds: given.require.maxAgeSeconds, claims },
      claims: { ...given.claims, groups: given.claims.groups ?? known?.groups },
      groupsEndpoint: given.groupsEndpoint,
      provisioning: given.provisioning,
      hints: known?.hint !== undefined && hint !== undefined && others.length === 0 ? { [known.hint]: hint } : {},
    }
  })

function problemsOf(given: Written): [key: string, message: string][] {
  const { clientAuthentication: by, clientSecretEnv: secret, preset, require } = given
  const known: Preset | undefined = preset && presets[preset]
  const problems: [string, string | undefined][] = [
    ['button', !given.button && given.domains.length === 0 ? 'hides it, and no `domains` lead to it' : undefined],
    ['clientAuthentication', by === 'secret' && !secret ? 'needs `clientSecretEnv`' : undefined],
    ['clientSecretEnv', by !== undefined && by !== 'secret' && secret ? `goes only with \`secret\`` : undefined],
    [
      'assertionAudience',
      given.assertionAudience && by !== 'private_key_jwt' ? 'goes only with `private_key_jwt`' : undefined,
    ],
  ]
  if (known !== undefined) {
    const { signing, mustRequire = {}, requires, tellsNoAge } = known
    if (given.issuer.endsWith('/') !== (known.slash === true))
      problems.push(['issuer', known.slash ? 'must end with a slash' : 'must not end with a slash'])
    problems.push(['issuer', URL.canParse(given.issuer) ? known.issuerProblem(new URL(given.issuer)) : undefined])
    if (by === 'private_key_jwt' && 'impossible' in signing) problems.push(['clientAuthentication', signing.impossible])
    for (const [name, otherwise] of Object.entries(mustRequire)) {
      if (require.claims[name] === undefined)
        problems.push(['require', `must name the values of \`claims.${name}\`: without them, ${otherwise}`])
    }
    // What follows from the issuer is not up for change: a list beside it would only look as if it were.
    const fixed = URL.canParse(given.issuer) ? Object.keys(requires?.(new URL(given.issuer)) ?? {}) : []
    for (const name of fixed) {
      if (require.claims[name] !== undefined) problems.push(['require', `\`claims.${name}\` follows from the issuer`])
    }
    const asks = require.acr.length > 0 || require.amr.length > 0 || require.maxAgeSeconds !== undefined
    if (tellsNoAge !== undefined && asks) problems.push(['require', `asks for what never comes: ${tellsNoAge}`])
  }
  return problems.filter((one): one is [string, string] => one[1] !== undefined)
}
