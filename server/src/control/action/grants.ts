import { z } from '@hono/zod-openapi'
import { Fault } from '../../base/fault.ts'
import { action, reason } from '../action.ts'

export const grantActions = [
  action({
    name: 'revokeGrant',
    summary: 'Revoke a grant: its tokens are refused from then on',
    guard: 'holder',
    path: '/grants/{id}/revoke',
    input: z.object({ id: z.string().max(64), reason: reason.optional() }),
    concern: ({ id }) => ({ grantId: id }),
    async run({ oauth }, viewer, { id, reason: why }) {
      const grant = await oauth.findGrant(id)
      // Who takes somebody else's right away says why; for his own he need not.
      if (why === undefined && grant?.principalId !== viewer.principal.id) {
        throw new Fault('control.bad_input', 'cannot revoke the grant of somebody else without a `reason`')
      }
      await oauth.revokeGrant({ by: viewer.principal.id, id, reason: why ?? 'revoked by who gave it' })
    },
    after: () => ({ to: '/grants', flash: 'grant-revoked' }),
  }),
]
