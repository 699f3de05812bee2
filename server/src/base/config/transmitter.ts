import { z } from 'zod'
import { isLoopbackHost } from './address.ts'
import { check, envName, jwksUri, slug } from './fields.ts'

/** A transmitter of security events about people (Shared Signals). */
export interface TransmitterConfig {
  /** Its short name in addresses and records. */
  id: string
  /** `iss` of its events, to the letter. */
  issuer: string
  /** Where its keys are. */
  jwksUri: string
  /** What `aud` of its events must name. */
  audience: string
  /** The issuer of the people whom it may speak about; of an application that signs people in, `bridge:<id>`. */
  people: string
  /** Absent: it does not push. */
  push: { authorization: string | undefined } | undefined
  /** Absent: it is not polled. */
  poll: { url: string; token: string; everySeconds: number } | undefined
}

const pollUrl = check((text) => {
  if (!URL.canParse(text)) return 'must be the address to poll, such as `https://login.example.com/signals/poll`'
  const url = new URL(text)
  if (url.username || url.password || url.hash) return 'must have no user and no fragment'
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))) return undefined
  return 'must start with https: plain http is for loopback only'
})

/** One transmitter in the file. */
export const transmitter = z
  .strictObject({
    id: slug,
    issuer: z.string().regex(/^[\x21-\x7e]{1,500}$/, 'must be 1 to 500 printable characters without spaces'),
    jwksUri,
    audience: z.string().min(1).max(500),
    people: z.string().min(1).max(500).optional(),
    push: z.strictObject({ authorizationEnv: envName.optional() }).optional(),
    poll: z
      .strictObject({ url: pollUrl, tokenEnv: envName, everySeconds: z.number().int().min(1).max(3_600).default(10) })
      .optional(),
  })
  .refine(({ push, poll }) => push !== undefined || poll !== undefined, 'must have `push` or `poll`, or both')

/** What is wrong with transmitters beside the rest of the configuration. */
export function transmitterProblems(config: {
  signals: readonly TransmitterConfig[]
  login: { oidc: readonly { issuer: string }[]; bridge: readonly { id: string }[] }
  clients: { enterprise: readonly { issuer: string }[] }
}): string[] {
  const issuers = [...config.login.oidc, ...config.clients.enterprise].map(({ issuer }) => issuer)
  const people = new Set([...issuers, ...config.login.bridge.map(({ id }) => `bridge:${id}`)])
  return config.signals.flatMap(({ id, issuer, audience, people: whose, push, poll }, at) => {
    const same = config.signals.findIndex((one) => one.issuer === issuer && one.audience === audience)
    const problems = [
      // What one stream was told could be told to the other, which may be about other people.
      same !== at && `\`${config.signals[same]!.id}\` has the same issuer and audience: give each its own audience`,
      !people.has(whose) &&
        `nobody comes from \`${whose}\`: \`people\` (by default the issuer) must be the issuer of a provider in \`login.oidc\` or \`clients.enterprise\`, or \`bridge:<id>\` of an application in \`login.bridge\``,
      push?.authorization !== undefined &&
        !/^[\x21-\x7e][\x20-\x7e]{14,1022}[\x21-\x7e]$/.test(push.authorization) &&
        'the `Authorization` header must have 16 to 1,024 printable characters',
      poll !== undefined &&
        !/^[\x21-\x7e]{0,4096}$/.test(poll.token) &&
        'the token must be printable characters without spaces',
    ]
    return problems.filter((one) => one !== false).map((one) => `\`signals\`, transmitter \`${id}\`: ${one}`)
  })
}
