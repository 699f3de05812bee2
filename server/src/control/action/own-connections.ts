import { z } from '@hono/zod-openapi'
import { aboutConnection } from '../../model/connection.ts'
import { action } from '../action.ts'
import { getConnectable, getUpstream, unknown } from '../known.ts'
import { leadThere } from '../page/connections.ts'

const name = z.string().min(1).max(64)
const byThemselves = 'by the person whose it is'

export const ownConnectionActions = [
  action({
    name: 'connectForMyself',
    summary: 'Begin to connect an upstream, that is called in your name, for yourself: you then consent in a browser',
    guard: 'signed-in',
    path: '/connections/{name}/connect',
    input: z.object({ name }),
    answer: z.object({
      authorizationUrl: z.string().openapi({ description: 'to be opened where you are signed in' }),
      issuer: z.string(),
      scope: z.string().optional(),
    }),
    async run(rooms, viewer, input) {
      const entry = await getConnectable(rooms, viewer, input.name)
      const asker = { principalId: viewer.principal.id, browser: viewer.browser }
      const { issuer, client, scope } = entry
      const given = { own: { issuer }, client, scope, reason: byThemselves }
      const begun = await rooms.gateway.connections.begin(await getUpstream(rooms, input.name), asker, given)
      const { destination, ...shown } = begun
      return { ...shown, authorizationUrl: destination.href }
    },
    after: (_input, begun) => ({ title: `Connect ${begun.upstream}`, once: leadThere(begun) }),
  }),
  action({
    name: 'removeMyConnection',
    summary: 'Remove your own connection to an upstream and forget its tokens',
    guard: 'signed-in',
    path: '/connections/{name}/remove',
    input: z.object({ name }),
    async run(rooms, viewer, { name: upstream }) {
      const principalId = viewer.principal.id
      const known = (await rooms.vault.listConnectionsOf(principalId)).find((one) => one.upstream === upstream)
      if (known === undefined) unknown('connection')
      const about = aboutConnection(upstream, principalId)
      const change = { by: principalId, what: 'connection.revoked', about, reason: byThemselves } as const
      await rooms.ledger.recordChange({ ...change, details: { connectionId: known.id } }, async (tx) => {
        if (!(await rooms.vault.revokeConnection(tx, known.id))) unknown('connection')
      })
    },
    after: () => ({ to: '/connections', flash: 'connection-removed' }),
  }),
]
