import { z } from '@hono/zod-openapi'
import { Fault } from '../../base/fault.ts'
import { readJson } from '../../base/json.ts'
import { formBytesMax } from '../../base/limits.ts'
import type { Preview } from '../../identity/mapping.ts'
import { action, fieldsOf, reason } from '../action.ts'
import * as shapes from '../api/shapes.ts'
import { previewShown } from '../page/preview.ts'

const provider = z.string().min(1).max(63)
const draft = {
  match: z.enum(['exact', 'prefix']),
  value: z.string().min(1).max(500),
  groupId: z.string().min(1).max(64),
}

const previewed = z.object({
  person: z
    .object({
      issuer: z.string(),
      subject: z.string(),
      name: z.string(),
      email: z.string().optional(),
      principalId: z.string().optional().openapi({ description: 'where somebody of this issuer and subject is here' }),
    })
    .optional()
    .openapi({ description: 'who would be signed in; absent where the claims do not say it: such a sign-in fails' }),
  subjectClaim: z.enum(['sub', 'oid']).openapi({ description: 'the claim that says who somebody is' }),
  values: z
    .array(z.string())
    .optional()
    .openapi({ description: 'what the provider says; absent where that cannot be known from the claims' }),
  because: z.enum(['overage', 'unreadable']).optional(),
  groups: z.array(z.object({ id: z.string(), name: z.string(), values: z.array(z.string()) })),
  rights: z.array(shapes.entitlementShape),
})

export const mappingActions = [
  action({
    name: 'addGroupRule',
    summary: 'Make a rule from what a provider says to a group; it is followed at the next sign-in of each person',
    guard: 'administrator',
    path: '/providers/{provider}/rules',
    input: z.object({ provider, ...draft, reason }),
    answer: z.object({ id: z.string() }),
    async run({ identity }, viewer, input) {
      const { id } = await identity.addGroupRule({ ...input, by: viewer.principal.id })
      return { id }
    },
    after: ({ provider: of }) => ({ to: `/providers/${of}`, flash: 'rule-added' }),
  }),
  action({
    name: 'removeGroupRule',
    summary: 'Remove a rule, and at once every membership that may have come of it',
    guard: 'administrator',
    path: '/providers/{provider}/rules/remove',
    input: z.object({ provider, id: z.string().min(1).max(64), reason }),
    run: ({ identity }, viewer, { id, reason: why }) =>
      identity.removeGroupRule({ id, reason: why, by: viewer.principal.id }),
    after: ({ provider: of }) => ({ to: `/providers/${of}`, flash: 'rule-removed' }),
  }),
  action({
    name: 'previewGroups',
    summary: 'See what would come of claims, by the rules that are and by one that is not yet; nothing is changed',
    guard: 'administrator',
    path: '/providers/{provider}/preview',
    input: z.object({
      provider,
      claims: z.record(z.string(), z.unknown()).optional().openapi({
        description: 'as they stand in an ID token; without them, those of the last sign-in of `principalId`',
      }),
      principalId: z.string().min(1).max(64).optional(),
      drafts: z.array(z.object(draft)).max(20).default([]),
    }),
    fromForm(form) {
      const { claims, principalId, match, value, groupId } = fieldsOf(form)
      const drafts = value === undefined ? [] : [{ match, value, groupId }]
      return { claims: claims === undefined ? undefined : readClaims(claims), principalId, drafts }
    },
    answer: previewed,
    async run({ identity }, _viewer, input) {
      if (input.claims === undefined && input.principalId === undefined)
        throw new Fault('control.bad_input', 'cannot show this: paste claims, or choose a principal')
      return outOf(await identity.previewGroups(input))
    },
    after: ({ provider: of }, result) => ({ title: 'What would come of it', once: previewShown(of, result) }),
  }),
]

function outOf({ person, subjectClaim, said, groups, rights }: Preview): z.output<typeof previewed> {
  return {
    person,
    subjectClaim,
    ...(said.told === undefined ? { because: said.because } : { values: [...said.told] }),
    groups: groups.map(({ group: { id, name }, values }) => ({ id, name, values })),
    rights: rights.map(shapes.entitlementOut),
  }
}

function readClaims(text: string): unknown {
  try {
    return readJson(Buffer.from(text), { bytesMax: formBytesMax })
  } catch (cause) {
    throw new Fault('control.bad_input', 'cannot read these claims: they must be one JSON object', { cause })
  }
}
