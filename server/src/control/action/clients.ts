import { z } from '@hono/zod-openapi'
import { action, reason } from '../action.ts'

export const clientActions = [
  action({
    name: 'revokeClient',
    summary: 'Revoke a client with all grants to it; it cannot come back under the same id',
    guard: 'administrator',
    // The id may be an address, which cannot stand in a path.
    path: '/clients/revoke',
    input: z.object({ id: z.string().min(1).max(2_048), reason }),
    run: ({ oauth }, viewer, { id, reason: why }) => oauth.revokeClient({ by: viewer.principal.id, id, reason: why }),
    after: () => ({ to: '/clients', flash: 'client-revoked' }),
  }),
]
