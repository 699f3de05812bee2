import { z } from '@hono/zod-openapi'
import { action, type After, reason } from '../action.ts'
import type { Flash } from '../page/flash.ts'

const id = z.string().min(1).max(64)

function toGroup(flash: Flash): (input: { id: string }) => After {
  return (input) => ({ to: `/people/${input.id}`, flash })
}

export const groupActions = [
  action({
    name: 'makeGroup',
    summary: 'Make a group: it holds rights for its members, and has none of either yet',
    guard: 'administrator',
    path: '/groups',
    input: z.object({ name: z.string().trim().min(1).max(100), reason }),
    answer: z.object({ id }),
    async run({ identity }, viewer, input) {
      const made = await identity.makeGroup({ ...input, by: viewer.principal.id })
      return { id: made.id }
    },
    after: (_input, made) => toGroup('group-made')(made),
  }),
  action({
    name: 'addMember',
    summary: 'Put a principal, or a group, into a group by hand',
    guard: 'administrator',
    path: '/groups/{id}/add',
    input: z.object({ id, member: id, reason }),
    run: ({ identity }, viewer, { id: group, ...input }) =>
      identity.addMember({ ...input, group, by: viewer.principal.id }),
    after: toGroup('member-added'),
  }),
  action({
    name: 'removeMember',
    summary: 'Take a member out of a group, for one source; by another source it stays',
    guard: 'administrator',
    path: '/groups/{id}/remove',
    input: z.object({
      id,
      member: id,
      source: z.string().min(1).max(100).default('hand'),
      reason,
    }),
    run: ({ identity }, viewer, { id: group, ...input }) =>
      identity.removeMember({ ...input, group, by: viewer.principal.id }),
    after: toGroup('member-removed'),
  }),
  action({
    name: 'retireGroup',
    summary: 'Retire a group for good, with its memberships, its rights and the rules that lead to it',
    guard: 'administrator',
    path: '/groups/{id}/retire',
    input: z.object({ id, reason }),
    run: ({ identity }, viewer, { id: group, reason: why }) =>
      identity.retireGroup({ group, reason: why, by: viewer.principal.id }),
    after: () => ({ to: '/groups', flash: 'group-retired' }),
  }),
]
