import { z } from '@hono/zod-openapi'
import { action, reason } from '../action.ts'

export const tokenKeyActions = [
  action({
    name: 'rotateKeys',
    summary: 'Replace the key that signs access tokens: planned, or in an emergency at once',
    guard: 'administrator',
    path: '/keys/rotate',
    input: z.object({
      emergency: z.boolean().default(false).openapi({
        description: 'the old keys verify nothing more: every access token ends now; grants stand, clients renew',
      }),
      reason,
    }),
    fromForm: (form) => ({ reason: form.get('reason'), emergency: form.has('emergency') }),
    answer: z.object({ keyId: z.string(), signsAt: z.int(), othersEndAt: z.int() }),
    run: ({ oauth }, viewer, { emergency, reason: why }) =>
      oauth.rotateKeys({ by: viewer.principal.id, reason: why, emergency }),
    after: () => ({ to: '/clients', flash: 'keys-rotated' }),
  }),
]
