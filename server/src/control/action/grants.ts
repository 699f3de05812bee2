import { z } from '@hono/zod-openapi'
import { Fault } from '../../base/fault.ts'
import { itemNameMax } from '../../model/item.ts'
import { action, reason } from '../action.ts'
import { getWanted } from '../wanted-login.ts'

export const grantActions = [
  action({
    name: 'widenGrant',
    summary: 'Add tools to a grant of your own',
    // Whose it is, the grant itself is asked: an administrator adds nothing to what others gave.
    guard: 'signed-in',
    path: '/grants/{id}/widen',
    // It is given on a page, like the grant: a program with a key gives nothing in the name of its person.
    faces: 'page',
    input: z.object({
      id: z.string().max(64),
      shown: z.string().max(64),
      tools: z.array(z.string().max(2_048)).max(1_000),
    }),
    fromForm: (form) => ({ shown: form.get('shown') ?? '', tools: form.getAll('tool') }),
    run: ({ oauth }, viewer, { id, shown, tools }) =>
      oauth.widenGrant({ by: viewer.principal.id, grantId: id, shown, tools }),
    after: () => ({ to: '/grants', flash: 'grant-widened' }),
  }),
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
  action({
    name: 'renewGrantLogin',
    summary: 'Put the login of this browser behind a grant of yours, for what demands a fresh or a strong one',
    guard: 'holder',
    path: '/grants/{id}/login',
    faces: 'page',
    input: z.object({
      id: z.string().max(64),
      upstream: z.string().max(64).default(''),
      tool: z.string().max(itemNameMax).default(''),
      shown: z.string().max(64).default(''),
    }),
    concern: ({ id }) => ({ grantId: id }),
    async run(rooms, viewer, { id, shown, ...of }) {
      // An administrator may revoke what others gave, and never answer for them.
      const wanted = await getWanted(rooms, viewer, { id, ...of })
      const { login } = viewer
      if (login === undefined || !wanted.met)
        throw new Fault('control.bad_input', 'cannot go on: log in again first, as the page says')
      if (wanted.shown !== shown)
        throw new Fault('control.bad_input', 'cannot go on: something changed while you were reading; look again')
      await rooms.oauth.renewGrantLogin({ by: viewer.principal.id, id, login })
    },
    after: () => ({ to: '/grants', flash: 'login-renewed' }),
  }),
]
