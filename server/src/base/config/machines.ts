import { z } from 'zod'
import { check, issuer, issuerOrTrustDomain, jwks, jwksUri, slug } from './fields.ts'

/** An identity provider that may let clients in without the consent page (enterprise-managed authorization). */
export interface EnterpriseIssuer {
  issuer: string
  /** Where its keys are. */
  jwksUri: string
  /** The gravest effect of tools that are granted so. What returns secrets, or destroys, never is. */
  effects: 'read' | 'write'
}

/** What an agent platform may exchange (RFC 8693). */
export interface ExchangeConfig {
  /** Whose tokens, beside those that we issued to it; `audience` is what it is called there. */
  from: { issuer: string; jwksUri: string; audience: string }[]
  /** The gravest effect of tools that are granted so. What returns secrets, or destroys, never is. */
  effects: 'read' | 'write'
  /** How many may act one for another. */
  actorsMax: number
}

/** An issuer of workload tokens: a cluster, a SPIFFE trust domain, a cloud. Without keys, they are discovered. */
export interface WorkloadIssuer {
  issuer: string
  jwksUri?: string | undefined
  jwks?: { keys: Record<string, unknown>[] } | undefined
  /** What its tokens must be for, alone; absent: the origin. */
  audience?: string | undefined
  /** Whether a token with a number may be presented more than once. */
  reusable: boolean
  lifetimeSecondsMax: number
  /** Which workloads are which machine: all claims of a rule must match. */
  rules: { machine: string; claims: Record<string, string> }[]
}

const claimsMax = 10

/** What a claim must be: a text in which one `*` for each part between `/` and `:` stands for anything but these. */
const claimPattern = check((text) => {
  if (text.length === 0 || text.length > 500) return 'must be 1 to 500 characters'
  const crowded = text.split(/[/:]/).some((part) => part.split('*').length > 2)
  return crowded ? 'must have one `*` at the most between two of `/` and `:`' : undefined
})

const rule = z.strictObject({
  machine: slug,
  claims: z.record(z.string().min(1).max(200), claimPattern).superRefine((claims, context) => {
    const patterns = Object.values(claims)
    const message =
      patterns.length > claimsMax
        ? `must have ${claimsMax} claims at the most`
        : patterns.every((pattern) => /^[*/:]*$/.test(pattern))
          ? 'must have one claim that is not all `*`: everybody of this issuer would be this machine'
          : undefined
    if (message) context.addIssue({ code: 'custom', message })
  }),
})

/** An issuer of workload tokens, and which of its workloads is which machine. */
export const workloadIssuer = z
  .strictObject({
    issuer: issuerOrTrustDomain,
    jwksUri: jwksUri.optional(),
    jwks: jwks.optional(),
    audience: z.string().min(1).max(1_000).optional(),
    reusable: z.boolean().default(false),
    lifetimeSecondsMax: z.number().int().min(60).max(86_400).default(3_600),
    rules: z.array(rule).min(1, 'must have at least one rule: nothing matches by itself').max(200),
  })
  .superRefine((of, context) => {
    const named = [of.jwks, of.jwksUri].filter((source) => source !== undefined).length
    const message =
      named > 1
        ? 'must not stand beside `jwks`: its keys are in one place'
        : named === 0 && of.issuer.startsWith('spiffe:')
          ? 'is needed, or `jwks`: a trust domain has no discovery'
          : undefined
    if (message) context.addIssue({ code: 'custom', path: ['jwksUri'], message })
  })

/** What an agent platform may exchange, and for how much. */
export const exchange = z.strictObject({
  from: z
    .array(z.strictObject({ issuer, jwksUri, audience: z.string().min(1).max(1_000) }))
    .max(20)
    .refine((all) => new Set(all.map((one) => one.issuer)).size === all.length, 'must not have the same `issuer` twice')
    .default([]),
  effects: z.enum(['read', 'write']).default('read'),
  actorsMax: z.number().int().min(1).max(5).default(2),
})

/** How a preregistered client proves who it is, and what it is besides a program of people. */
export const proofFields = {
  jwks: jwks.optional(),
  jwksUri: jwksUri.optional(),
  machine: slug.optional(),
  acceptSharedSecret: z.boolean().default(false),
  exchange: exchange.optional(),
}

interface Proof {
  redirectUris: string[]
  introspects: string[]
  secretEnv?: string | undefined
  jwks?: unknown
  jwksUri?: string | undefined
  machine?: string | undefined
  acceptSharedSecret: boolean
  exchange?: unknown
}

/** What does not fit together in a preregistered client, by the key that it is said of. */
export function proofProblems(client: Proof): { path: string; message: string }[] {
  const { redirectUris, introspects, secretEnv, machine, acceptSharedSecret } = client
  const proofs = [secretEnv, client.jwks, client.jwksUri].filter((proof) => proof !== undefined).length
  const keyed = client.jwks !== undefined || client.jwksUri !== undefined
  const rules: [boolean, string, string][] = [
    [
      redirectUris.length === 0 && introspects.length === 0 && machine === undefined && client.exchange === undefined,
      'redirectUris',
      'must have at least one entry, unless the client only introspects, exchanges or is a machine',
    ],
    [
      introspects.length > 0 && proofs === 0,
      'introspects',
      'needs a `secretEnv`, `jwks` or `jwksUri`: who asks proves itself',
    ],
    [
      client.exchange !== undefined && proofs === 0,
      'exchange',
      'needs `jwks`, `jwksUri` or a `secretEnv`: who exchanges proves itself',
    ],
    [proofs > 1, keyed ? 'jwks' : 'secretEnv', 'must stand alone: a client has one way to prove itself'],
    [
      machine !== undefined && redirectUris.length > 0,
      'redirectUris',
      'must be empty: nobody signs in through a machine',
    ],
    [
      machine !== undefined && client.exchange !== undefined,
      'exchange',
      'must not stand beside `machine`: a machine acts for itself',
    ],
    [
      machine !== undefined && !keyed && !(secretEnv !== undefined && acceptSharedSecret),
      'machine',
      'needs `jwks` or `jwksUri`: a machine signs (a shared secret does only with `acceptSharedSecret: true`)',
    ],
    [
      acceptSharedSecret && (machine === undefined || secretEnv === undefined),
      'acceptSharedSecret',
      'is for a `machine` with a `secretEnv`',
    ],
  ]
  return rules.filter(([wrong]) => wrong).map(([, path, message]) => ({ path, message }))
}

/**
 * What does not fit together in what identity providers vouch for: to one client, one issuer vouches up to one effect,
 * whichever way it is asked.
 */
export function exchangeProblems(clients: {
  preregistered: readonly { id: string; exchange?: ExchangeConfig | undefined }[]
  enterprise: readonly EnterpriseIssuer[]
}): string[] {
  return clients.preregistered.flatMap(({ id, exchange }) =>
    (exchange?.from ?? []).flatMap(({ issuer: from }) => {
      const vouches = clients.enterprise.find((one) => one.issuer === from)
      if (vouches === undefined || vouches.effects === exchange!.effects) return []
      const same = `\`exchange.effects\` must be \`${vouches.effects}\`, as in \`clients.enterprise\` for \`${from}\``
      return [`\`clients.preregistered\`, client \`${id}\`: ${same}`]
    }),
  )
}
