import { z } from '@hono/zod-openapi'
import { reading } from '../reading.ts'

const keyShape = z
  .object({
    id: z.string(),
    provider: z.string(),
    label: z.string(),
    createdBy: z.string(),
    createdAt: z.int(),
    expiresAt: z.int(),
  })
  .openapi('ProvisionerKey')

export const provisioningReadings = [
  reading({
    name: 'listProvisioners',
    summary: 'The identity providers that provision, and their keys that last',
    guard: 'administrator',
    path: '/provisioning',
    input: z.object({}),
    answer: z.object({
      address: z.string(),
      providers: z.array(z.object({ id: z.string(), subject: z.string(), claim: z.string() })),
      keys: z.array(keyShape),
    }),
    read: async ({ identity, config }) => ({
      address: `${config.origin}/scim/v2`,
      providers: identity.provisioners.map(({ id, subject, claim }) => ({ id, subject, claim })),
      keys: (await identity.listProvisionerKeys()).map(({ revokedAt: _revokedAt, ...key }) => key),
    }),
  }),
]
