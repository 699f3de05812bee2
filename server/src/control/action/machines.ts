import { z } from '@hono/zod-openapi'
import { effectSchema } from '../../model/effect.ts'
import { action, fieldsOf, reason } from '../action.ts'

const daySeconds = 24 * 60 * 60
const name = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'must be 1 to 63 of a-z, 0-9 and `-`')
  .openapi({ description: 'what the configuration calls it' })
const ownerId = z.string().min(1).max(64).openapi({ description: 'the person who answers for it' })

export const machineActions = [
  action({
    name: 'makeMachine',
    summary: 'Make a machine: a workload that answers for calls of its own, with an owner and no rights yet',
    guard: 'administrator',
    path: '/machines',
    input: z.object({ name, title: z.string().trim().min(1).max(100), ownerId, reason }),
    answer: z.object({ id: z.string() }),
    async run({ identity }, viewer, input) {
      const { id } = await identity.makeMachine({ ...input, by: viewer.principal.id })
      return { id }
    },
    after: (_input, { id }) => ({ to: `/people/${id}`, flash: 'machine-made' }),
  }),
  action({
    name: 'setMachineOwner',
    summary: 'Say who answers for a machine from now on',
    guard: 'administrator',
    path: '/machines/{name}/owner',
    input: z.object({ name, ownerId, reason }),
    async run({ identity }, viewer, input) {
      await identity.setMachineOwner({ ...input, by: viewer.principal.id })
      return (await identity.findMachine(input.name))!.id
    },
    after: (_input, id) => ({ to: `/people/${id}`, flash: 'owner-set' }),
  }),
  action({
    name: 'grantToMachine',
    summary: 'Give a machine a grant: tools that it is entitled to, on one address, for its client',
    guard: 'administrator',
    path: '/machines/{name}/grant',
    input: z.object({
      name,
      client: z
        .string()
        .min(1)
        .max(200)
        .optional()
        .openapi({ description: 'which of its clients; `workloads` for tokens of platforms' }),
      upstream: z.string().min(1).max(64),
      upTo: effectSchema
        .optional()
        .openapi({ description: 'all tools of no graver effect than this, but those that return secrets' }),
      tools: z
        .array(z.string().min(1).max(2_048))
        .max(1_000)
        .default([])
        .openapi({ description: 'and these; at the address of a bundle as `upstream/tool`' }),
      days: z.int().min(1).max(365).default(90),
      reason,
    }),
    fromForm: (form) => ({
      ...fieldsOf(form),
      tools: form.getAll('tools'),
      days: Number(form.get('days') || 90),
    }),
    answer: z.object({ grantId: z.string(), tools: z.int() }),
    async run({ oauth }, viewer, { name: machine, client: clientId, days, ...choice }) {
      const given = { ...choice, by: viewer.principal.id, machine, clientId, durationSeconds: days * daySeconds }
      const grant = await oauth.giveToMachine(given)
      return { grantId: grant.id, tools: grant.tools.size, id: grant.principalId }
    },
    after: (_input, { id }) => ({ to: `/people/${id}`, flash: 'grant-given' }),
  }),
]
