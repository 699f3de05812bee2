import { z } from '@hono/zod-openapi'
import { reading } from '../reading.ts'

const rule = z
  .object({
    id: z.string(),
    provider: z.string(),
    match: z.enum(['exact', 'prefix']),
    value: z.string(),
    groupId: z.string(),
    createdBy: z.string(),
    createdAt: z.int(),
  })
  .openapi('GroupRule')

export const mappingReadings = [
  reading({
    name: 'listProviders',
    summary: 'The identity providers that the configuration names, and whether they are asked for groups',
    guard: 'administrator',
    path: '/providers',
    input: z.object({}),
    answer: z.object({
      providers: z.array(z.object({ id: z.string(), name: z.string(), saysGroups: z.boolean() })),
    }),
    read: async ({ identity }) => ({ providers: identity.listProviders() }),
  }),
  reading({
    name: 'listGroupRules',
    summary: 'The rules from what a provider says to groups',
    guard: 'administrator',
    path: '/providers/{provider}/rules',
    input: z.object({ provider: z.string().max(63) }),
    answer: z.object({ rules: z.array(rule) }),
    read: async ({ identity }, _viewer, { provider }) => ({ rules: await identity.listGroupRules(provider) }),
  }),
]
