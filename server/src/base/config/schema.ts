import { isAbsolute, normalize } from 'node:path'
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { readAllowed } from '../dial/allowed.ts'
import { isLoopbackHost, originProblem, redirectProblem, serverProblem } from './address.ts'
import { check, envName, issuer, jwksUri, label, providerId, slug } from './fields.ts'
import { oidcProvider } from './oidc.ts'
import { onBehalf } from './on-behalf.ts'
import { proofFields, proofProblems, workloadIssuer } from './machines.ts'
import { transmitter } from './transmitter.ts'

/** `host:port` with an IP address or `localhost`; IPv6 in brackets. */
export const listenText = check((text) => {
  const { host, port } = splitListen(text)
  const known = host === 'localhost' || ipaddr.IPv4.isValidFourPartDecimal(host) || ipaddr.IPv6.isValid(host)
  if (!known || port > 65_535) return 'must be `address:port`, such as `127.0.0.1:8700` or `[::1]:8700`'
  return undefined
})

/** Splits what `listenText` accepted. */
export function splitListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  return { host: match?.[1] ?? match?.[2] ?? '', port: Number(match?.[3] ?? 65_536) }
}

const network = check((text) => {
  const valid = ipaddr.isValidCIDR(text) || ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)
  return valid ? undefined : 'must be an IP address or a network such as `10.0.0.0/8`'
})

const loginUrl = check((text) => {
  if (!URL.canParse(text)) return 'must be the address of the login page, such as `https://app.example.com/connect`'
  const url = new URL(text)
  if (url.username || url.password || url.hash) return 'must have no user and no fragment'
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))) return undefined
  return 'must start with https: plain http is for loopback only'
})

const bridge = z.strictObject({
  id: providerId,
  name: label,
  loginUrl,
  secretEnv: envName,
})

const preregistered = z
  .strictObject({
    id: z
      .string()
      .regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 printable characters without spaces')
      .refine((id) => id !== 'workloads', 'must not be `workloads`: that is the client of workload tokens'),
    name: label,
    redirectUris: z.array(check(redirectProblem)).default([]),
    secretEnv: envName.optional(),
    introspects: z.array(slug).default([]),
    ...proofFields,
  })
  .superRefine((client, context) => {
    for (const { path, message } of proofProblems(client)) context.addIssue({ code: 'custom', path: [path], message })
  })

const enterpriseIssuer = z.strictObject({
  issuer,
  jwksUri,
  effects: z.enum(['read', 'write']).default('read'),
})

const hostPattern = check((text) =>
  text === '*' || /^(?:\*\.)?(?!-)[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(text)
    ? undefined
    : 'must be `*`, a host such as `example.com`, or `*.example.com`, in lower case',
)

const absolutePath = check((text) =>
  isAbsolute(text) && normalize(text) === text && text !== '/'
    ? undefined
    : 'must be an absolute path such as `/srv/files`',
)
const looksSecret = /token|secret|password|passwd|credential|api_?key|private_?key|_key$/i
const launch = z.strictObject({
  command: z.string().min(1),
  args: z.array(z.string()).default([]),
  env: z
    .record(envName, z.string())
    .superRefine((env, context) => {
      for (const name of Object.keys(env).filter((name) => looksSecret.test(name))) {
        const message = 'looks like a secret: connect it to the upstream instead, where it is sealed'
        context.addIssue({ code: 'custom', path: [name], message })
      }
    })
    .default({}),
  process: z.enum(['shared', 'per_principal']).default('shared'),
  processesMax: z.number().int().min(1).max(1_000).default(16),
  sandbox: z.enum(['required', 'when_available', 'off']).default('when_available'),
  network: z.boolean().default(false),
  readable: z.array(absolutePath).default([]),
  writable: z.array(absolutePath).default([]),
})

const destinations = z.array(
  check((text) => {
    const allowed = readAllowed(text)
    return typeof allowed === 'string' ? allowed : undefined
  }),
)

function uniqueIssuers(items: { issuer: string }[]): boolean {
  return new Set(items.map((item) => item.issuer)).size === items.length
}

function uniqueIds(items: { id: string }[]): boolean {
  return new Set(items.map((item) => item.id)).size === items.length
}

function uniqueDomains(items: { domains: string[] }[]): boolean {
  const all = items.flatMap(({ domains }) => domains)
  return new Set(all).size === all.length
}

/** The whole file. Every default is here; the reasons are in `docs/operate/configuration.md`. */
export const fileSchema = z.strictObject({
  origin: check(originProblem).optional(),
  listen: listenText.optional(),
  tls: z.strictObject({ certFile: z.string().min(1), keyFile: z.string().min(1) }).optional(),
  trustedProxies: z.array(network).default([]),
  data: z.string().min(1).optional(),
  database: z.strictObject({ urlEnv: envName }).optional(),
  masterKeyFile: z.string().min(1).optional(),
  login: z
    .strictObject({
      local: z
        .strictObject({
          enabled: z.boolean().default(true),
          passkeys: z.enum(['offered', 'administrators', 'everybody']).default('offered'),
        })
        .prefault({}),
      oidc: z
        .array(oidcProvider)
        .refine(uniqueIds, 'must not have the same `id` twice')
        .refine(uniqueDomains, 'must not have the same domain twice')
        .default([]),
      bridge: z.array(bridge).refine(uniqueIds, 'must not have the same `id` twice').default([]),
    })
    .prefault({}),
  clients: z
    .strictObject({
      admission: z.enum(['open', 'reviewed', 'preregistered']).default('open'),
      expiry: z
        .strictObject({
          neverUsedAfterDays: z.number().int().min(1).max(400).default(7),
          unusedAfterDays: z.number().int().min(30).max(4_000).default(180),
        })
        .prefault({}),
      registration: z
        .strictObject({
          enabled: z.boolean().default(true),
          perHourMax: z.number().int().min(1).max(100_000).default(30),
        })
        .prefault({}),
      metadataDocuments: z
        .strictObject({ enabled: z.boolean().default(true), hosts: z.array(hostPattern).default(['*']) })
        .prefault({}),
      enterprise: z.array(enterpriseIssuer).refine(uniqueIssuers, 'must not have the same `issuer` twice').default([]),
      preregistered: z.array(preregistered).refine(uniqueIds, 'must not have the same `id` twice').default([]),
    })
    .prefault({}),
  signals: z.array(transmitter).refine(uniqueIds, 'must not have the same `id` twice').default([]),
  workloads: z.array(workloadIssuer).max(50).refine(uniqueIssuers, 'must not have the same `issuer` twice').default([]),
  egress: z
    .strictObject({
      allowPrivate: destinations.default([]),
      upstreams: z.record(slug, destinations).default({}),
    })
    .prefault({}),
  onBehalf: onBehalf.default({}),
  stdio: z.record(slug, launch).default({}),
  keys: z.strictObject({ rotateAfterDays: z.number().int().min(1).max(400).default(90) }).prefault({}),
  openapi: z
    .record(slug, z.strictObject({ file: z.string().min(1), server: check(serverProblem).optional() }))
    .default({}),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
})

export type ConfigFile = z.infer<typeof fileSchema>
