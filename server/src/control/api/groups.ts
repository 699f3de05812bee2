import { z } from '@hono/zod-openapi'
import { getPrincipal } from '../known.ts'
import { reading } from '../reading.ts'
import * as shapes from './shapes.ts'

const id = z.string().max(64)

const membershipShape = z
  .object({
    groupId: id,
    memberId: id,
    source: z
      .string()
      .openapi({ description: 'who says so: `hand`, the id of an identity provider, or `scim:` and the id' }),
    createdAt: z.int(),
  })
  .openapi('Membership')

export const groupReadings = [
  reading({
    name: 'listGroups',
    summary: 'The groups, in the order in which they were made',
    guard: 'administrator',
    path: '/groups',
    input: z.object({}),
    answer: z.object({ groups: z.array(shapes.principalShape) }),
    read: async ({ identity }) => ({ groups: (await identity.listGroups()).map(shapes.principalOut) }),
  }),
  reading({
    name: 'listMembers',
    summary: 'Who is in a group directly, each with who says so',
    guard: 'administrator',
    path: '/groups/{id}/members',
    input: z.object({ id }),
    answer: z.object({ members: z.array(membershipShape) }),
    async read(rooms, _viewer, { id: groupId }) {
      await getPrincipal(rooms, groupId)
      return { members: await rooms.identity.listMemberships({ groupId }) }
    },
  }),
  reading({
    name: 'listGroupsOf',
    summary: 'The groups that a principal is in directly, each with who says so',
    guard: 'administrator',
    path: '/people/{id}/groups',
    input: z.object({ id }),
    answer: z.object({ groups: z.array(membershipShape) }),
    async read(rooms, _viewer, { id: memberId }) {
      await getPrincipal(rooms, memberId)
      return { groups: await rooms.identity.listMemberships({ memberId }) }
    },
  }),
]
