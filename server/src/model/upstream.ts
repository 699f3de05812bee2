import { z } from 'zod'
import { Fault } from '../base/fault.ts'
import type { Effect } from './effect.ts'

/** The lifecycle of an upstream; only `approved` serves, `retired` is final. */
export const upstreamStates = ['proposed', 'in_review', 'approved', 'suspended', 'retired'] as const
/** One of `upstreamStates`. */
export type UpstreamState = (typeof upstreamStates)[number]

/** The steps that the lifecycle knows; every other is refused. */
export const upstreamSteps: Record<UpstreamState, readonly UpstreamState[]> = {
  proposed: ['in_review', 'retired'],
  in_review: ['approved', 'proposed', 'retired'],
  approved: ['suspended', 'retired'],
  suspended: ['approved', 'in_review', 'retired'],
  retired: [],
}

/** The kinds of upstream. */
export const upstreamKinds = ['stdio', 'http', 'sse', 'openapi'] as const
/** One of `upstreamKinds`. */
export type UpstreamKind = (typeof upstreamKinds)[number]

/** Whether an upstream takes any token of its callers, or only such as are bound to a key that they prove to hold (DPoP). */
export const proofs = ['optional', 'required'] as const
/** One of `proofs`. */
export type Proof = (typeof proofs)[number]

const upstreamName = z.string().regex(/^[a-z][a-z0-9-]{0,38}[a-z0-9]$/)

/**
 * Reads the name of an upstream: it stands in addresses and in the ledger, and is never used twice.
 *
 * @throws {Fault} `model.invalid`
 */
export function readUpstreamName(value: unknown): string {
  const read = upstreamName.safeParse(value)
  if (read.success) return read.data
  throw new Fault(
    'model.invalid',
    'a name has 2 to 40 lower-case letters, digits and hyphens, and begins with a letter',
  )
}

const address = z.url({ protocol: /^https?$/ }).max(2_048)
const launchSchema = z.union([
  z.strictObject({ kind: z.literal('stdio'), command: z.string().min(1).max(64) }),
  z.strictObject({ kind: z.literal('openapi'), document: z.string().min(1).max(64) }),
  z.strictObject({ kind: z.literal('openapi'), server: address, digest: z.string().regex(/^[0-9a-f]{64}$/) }),
  z.strictObject({ kind: z.enum(['http', 'sse']), url: address }),
])
/**
 * How to reach an upstream. `stdio` names a launch specification of the configuration, never a command line or a file from
 * a form. `openapi` names a document of the configuration; or one that the inventory keeps is meant by its SHA-256, and its
 * API is at `server`, whatever that document says.
 */
export type Launch = z.infer<typeof launchSchema>

/**
 * Reads how to reach an upstream.
 *
 * @throws {Fault} `model.invalid`
 */
export function readLaunch(value: unknown): Launch {
  const read = launchSchema.safeParse(value)
  if (read.success) return read.data
  throw new Fault(
    'model.invalid',
    'an upstream is reached at an `http` or `https` URL, or by the name of a command or document in the configuration',
  )
}

/** An MCP server behind us: a governed non-human identity. */
export interface Upstream {
  name: string
  launch: Launch
  purpose: string
  ownerId: string | undefined
  state: UpstreamState
  proposedBy: string | undefined
  /** Tools of a graver effect than this have no path to being called. */
  ceiling: Effect
  /** Where it is required, who calls with a token that anybody could have copied is refused. */
  proof: Proof
  createdAt: number
  changedAt: number
  learnt: Learnt | undefined
  probedAt: number | undefined
  probeError: string | undefined
}

/** What a probe learnt of an upstream. Self-reported: never a ground for a decision. */
export interface Learnt {
  era: 'legacy' | 'modern'
  protocolVersion: string
  serverName: string
  serverVersion: string
  instructions: string | undefined
  /** What it declared that it offers, beside tools; `{}` where nothing is known of it. */
  capabilities: Readonly<Record<string, unknown>>
  /** How we run it, one sentence each, where that is ours to say: confined or not, of which document, what is left out. */
  runs?: readonly string[] | undefined
}
