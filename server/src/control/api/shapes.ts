import { z } from '@hono/zod-openapi'
import { effectSchema, traitSchema } from '../../model/effect.ts'
import { itemKinds, itemOf } from '../../model/item.ts'
import {
  approvalStates,
  clientStates,
  rights,
  type Approval,
  type Client,
  type Entitlement,
  type Grant,
} from '../../model/rights.ts'
import type { Bundle } from '../../model/bundle.ts'
import type { Principal } from '../../model/principal.ts'
import type { Tool } from '../../model/tool.ts'
import type { Viewer } from '../rooms.ts'
import { resourceFor } from '../../oauth/metadata.ts'
import { publisherOf, referenceOf } from '../../oauth/publisher.ts'
import { proofs, upstreamKinds, upstreamStates, type Upstream } from '../../model/upstream.ts'

const id = z.string()
const at = z.int().openapi({ description: 'epoch milliseconds' })

export const principalShape = z
  .object({
    id,
    name: z.string(),
    email: z.string().optional(),
    issuer: z.string(),
    subject: z.string(),
    kind: z.enum(['person', 'workload', 'group']),
    state: z.enum(['active', 'disabled', 'must_sign_in']),
    createdAt: at,
    ownerId: id.optional().openapi({ description: 'who answers for a machine' }),
  })
  .openapi('Principal')

export const upstreamShape = z
  .object({
    name: z.string(),
    kind: z.enum(upstreamKinds),
    address: z.string().openapi({ description: 'where clients reach it' }),
    purpose: z.string(),
    state: z.enum(upstreamStates),
    ownerId: id.optional(),
    ceiling: effectSchema,
    proof: z.enum(proofs).openapi({ description: 'whether it takes only tokens that are bound to a key (DPoP)' }),
    createdAt: at,
    changedAt: at,
    probedAt: at.optional(),
    probeError: z.string().optional().openapi({ description: 'for those who govern it' }),
    runs: z.array(z.string()).optional().openapi({ description: 'how it runs, for those who govern it' }),
  })
  .openapi('Upstream')

export const bundleShape = z
  .object({
    name: z.string(),
    address: z.string().openapi({ description: 'where clients reach it' }),
    purpose: z.string(),
    state: z.enum(['serving', 'retired']),
    ownerId: id.optional(),
    members: z.array(z.object({ upstream: z.string(), prefix: z.string() })),
    createdAt: at,
    changedAt: at,
  })
  .openapi('Bundle')

export function bundleOut(bundle: Bundle, origin: string): z.input<typeof bundleShape> {
  return { ...bundle, members: [...bundle.members], address: resourceFor(origin, bundle.name) }
}

export const toolShape = z
  .object({
    upstream: z.string(),
    name: z.string(),
    kind: z.enum(itemKinds).openapi({ description: 'what it is on the wire; only a tool has its bare name' }),
    pin: z.enum(['pinned', 'new', 'drifted', 'gone', 'withdrawn']),
    effect: effectSchema,
    traits: z.array(traitSchema),
    because: z.array(z.string()),
    digest: z.string().optional(),
    liveDigest: z.string().optional(),
    ownerId: id.optional(),
    effectSetBy: id.optional(),
    effectReason: z.string().optional(),
    allowedArguments: z.array(z.string()),
  })
  .openapi('Tool')

export const grantShape = z
  .object({
    id,
    principalId: id,
    clientId: z.string(),
    upstream: z.string(),
    tools: z.record(z.string(), z.string()).openapi({ description: 'tool → digest of the definition that was chosen' }),
    createdAt: at,
    endsAt: at,
    revokedAt: at.optional(),
    revokedBecause: z.string().optional(),
    issuer: z
      .string()
      .optional()
      .openapi({ description: 'the identity provider that vouched for it, without consent' }),
  })
  .openapi('Grant')

export const clientShape = z
  .object({
    id: z.string(),
    name: z.string(),
    source: z.enum(['metadata-document', 'registration', 'configuration']),
    state: z.enum(clientStates),
    publisher: z.string().optional().openapi({ description: 'the host that describes it, which is verified' }),
    reference: z.string().openapi({ description: 'by which its people name it' }),
    ownerId: id.optional().openapi({ description: 'who answers for it: it is admitted' }),
    askedBy: id.optional(),
    redirectUris: z.array(z.string()).openapi({ description: 'where its answers go, by its own word' }),
    grants: z.int().openapi({ description: 'in force' }),
    createdAt: at,
    firstUsedAt: at.optional(),
    usedAt: at.optional(),
  })
  .openapi('Client')

/** What is demanded of a login; what is absent is not. */
export const loginDemandShape = z.object({
  maxAgeSeconds: z.int().min(60).max(2_592_000).optional().openapi({ description: 'how long ago it may be' }),
  acr: z.array(z.string()).max(20).optional().openapi({ description: 'one of these context classes' }),
  amr: z.array(z.string()).max(20).optional().openapi({ description: 'all of these methods' }),
})

export const entitlementShape = z
  .object({
    id,
    principalId: id,
    right: z.enum(rights),
    upstream: z.string(),
    tool: z.string(),
    grantedBy: id.optional(),
    reason: z.string(),
    createdAt: at,
    endsAt: at.optional(),
    revokedAt: at.optional(),
    login: loginDemandShape.optional().openapi({ description: 'what it demands of the login behind a call' }),
    through: id.optional().openapi({ description: 'the group that was given it, where it is held as a member' }),
  })
  .openapi('Entitlement')

export const approvalShape = z
  .object({
    id,
    principalId: id,
    clientId: z.string(),
    grantId: id,
    upstream: z.string(),
    tool: z.string(),
    argumentsDigest: z.string(),
    actor: z.string().optional().openapi({ description: 'who acts for the principal, the present one first' }),
    state: z.enum(approvalStates),
    requestedAt: at,
    expiresAt: at,
    answeredBy: id.optional(),
    answeredAt: at.optional(),
    reason: z.string().optional(),
    spentAt: at.optional(),
  })
  .openapi('Approval')

export const entryShape = z
  .object({ seq: z.int(), entry: z.record(z.string(), z.unknown()) })
  .openapi('Entry', { description: 'an entry of the ledger, as in spec/ledger.md' })

// Each of these leaves out what its shape does not name: an answer says nothing by accident.

export const principalOut = (from: Principal) => principalShape.parse(from)
export const toolOut = (from: Tool) => toolShape.parse({ ...from, kind: itemOf(from.name).kind })
export const clientOut = (from: Client, grants: number) =>
  clientShape.parse({
    ...from,
    publisher: publisherOf(from),
    reference: referenceOf(from.id),
    redirectUris: from.metadata['redirect_uris'] ?? [],
    grants,
  })
export const entitlementOut = (from: Entitlement) => entitlementShape.parse(from)
export const approvalOut = (from: Approval) => approvalShape.parse(from)
export const grantOut = (from: Grant) => grantShape.parse({ ...from, tools: Object.fromEntries(from.tools) })
export const upstreamOut = (from: Upstream, { origin, viewer }: { origin: string; viewer: Viewer }) => {
  const { learnt, probeError, ...rest } = from
  // What went wrong and how it runs is for those who govern it.
  const governs = viewer.administrator || from.ownerId === viewer.principal.id
  const inner = governs ? { probeError, runs: learnt?.runs } : {}
  return upstreamShape.parse({ ...rest, ...inner, kind: from.launch.kind, address: resourceFor(origin, from.name) })
}
