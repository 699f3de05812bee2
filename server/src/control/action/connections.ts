import { z } from '@hono/zod-openapi'
import { Fault } from '../../base/fault.ts'
import { action, reason } from '../action.ts'
import { requireConnecting } from '../connecting.ts'
import { getUpstream } from '../known.ts'
import { leadThere } from '../page/connections.ts'

const name = z.string().min(1).max(64)
const clientId = z.string().trim().min(1).max(2_048)
const clientSecret = z.string().min(1).max(8_192)
const scope = z
  .string()
  .trim()
  .max(2_000)
  .optional()
  .openapi({ description: 'beside what the upstream asks for itself' })

/** What an authorization server sends a browser back with; the rest of it is not looked at. */
export const comebackShape = z.object({
  mark: z.string().min(1).max(64),
  state: z.string().min(1).max(256),
  code: z.string().min(1).max(8_192).optional(),
  iss: z.string().max(2_048).optional(),
  error: z.string().max(256).optional(),
})

const algorithms = ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'] as const

export const connectionActions = [
  action({
    name: 'connectUpstream',
    summary:
      'Begin to connect an upstream to its authorization server: an administrator then consents there, in a browser',
    guard: 'administrator',
    path: '/upstreams/{name}/connect',
    input: z.object({
      name,
      clientId: clientId.optional().openapi({ description: 'of a client that was registered there beforehand' }),
      clientSecret: clientSecret.optional(),
      scope,
      reason,
    }),
    answer: z.object({
      authorizationUrl: z.string().openapi({ description: 'to be opened where you are signed in' }),
      issuer: z.string(),
      clientId: z.string(),
      redirectUrl: z
        .string()
        .openapi({ description: 'with which a client that you register at that issuer must be registered' }),
      scope: z.string().optional(),
    }),
    async run(rooms, viewer, input) {
      if (input.clientId === undefined && input.clientSecret !== undefined) {
        throw new Fault('control.bad_input', 'cannot connect: a secret belongs to a client id')
      }
      const upstream = await getUpstream(rooms, input.name)
      const client = input.clientId === undefined ? undefined : { id: input.clientId, secret: input.clientSecret }
      const asker = { principalId: viewer.principal.id, browser: viewer.browser }
      const { destination, ...begun } = await rooms.gateway.connections.begin(upstream, asker, { ...input, client })
      return { ...begun, authorizationUrl: destination.href }
    },
    after: ({ name: upstream }, { scope: asked, ...begun }) => ({
      title: `Connect ${upstream}`,
      once: leadThere({ ...begun, upstream, scope: asked, own: false }),
    }),
  }),
  action({
    name: 'finishConnection',
    summary: 'Finish what was begun at an authorization server',
    guard: 'signed-in',
    path: '/connect/{mark}',
    faces: 'page',
    input: comebackShape,
    async run(rooms, viewer, comeback) {
      const asker = { principalId: viewer.principal.id, browser: viewer.browser }
      const { connections } = rooms.gateway
      // The right to begin may have ended since.
      await requireConnecting(rooms, viewer, await connections.find(comeback, asker))
      const finished = await connections.finish(comeback, asker)
      if (!finished.own) await rooms.gateway.look(await getUpstream(rooms, finished.upstream))
      return finished
    },
    after: (_input, { upstream, own }) =>
      own
        ? { to: `/connections/${upstream}`, flash: 'connection-made' }
        : { to: `/upstreams/${upstream}`, flash: 'upstream-connected' },
  }),
  action({
    name: 'connectUnattended',
    summary:
      'Connect an upstream with a client that proves itself by a secret or a key, without anybody (client credentials)',
    guard: 'administrator',
    path: '/upstreams/{name}/connect-unattended',
    input: z.object({
      name,
      issuer: z
        .url({ protocol: /^https?$/ })
        .max(2_048)
        .openapi({
          description: 'of the authorization server that the client is registered at; no other is sent anything',
        }),
      clientId,
      clientSecret: clientSecret.optional(),
      privateKey: z.string().max(16_384).optional().openapi({ description: 'PKCS #8 in PEM, in place of a secret' }),
      algorithm: z.enum(algorithms).optional(),
      scope,
      reason,
    }),
    async run(rooms, viewer, { name: upstream, ...input }) {
      const { privateKey, algorithm = 'ES256', clientSecret: secret } = input
      if ((secret === undefined) === (privateKey === undefined)) {
        throw new Fault('control.bad_input', 'cannot connect: give either a secret or a private key, one of them')
      }
      const found = await getUpstream(rooms, upstream)
      const key = privateKey === undefined ? undefined : { privateKey, algorithm }
      const client = { id: input.clientId, secret }
      await rooms.gateway.connections.connectUnattended(found, viewer.principal.id, { ...input, client, key })
      await rooms.gateway.look(found)
    },
    after: ({ name: upstream }) => ({ to: `/upstreams/${upstream}`, flash: 'upstream-connected' }),
  }),
]
