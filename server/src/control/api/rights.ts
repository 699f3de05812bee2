import { z } from '@hono/zod-openapi'
import { getPrincipal } from '../known.ts'
import { reading } from '../reading.ts'
import * as shapes from './shapes.ts'

const id = z.string().max(64)

export const rightsReadings = [
  reading({
    name: 'listGrants',
    summary: 'Your grants; for administrators, with `all=true`, those of everybody',
    guard: 'signed-in',
    path: '/grants',
    input: z.object({ all: z.enum(['true', 'false']).optional(), ended: z.enum(['true', 'false']).optional() }),
    answer: z.object({ grants: z.array(shapes.grantShape) }),
    async read({ oauth, clock }, viewer, { all, ended }) {
      const whose = viewer.administrator && all === 'true' ? {} : { principalId: viewer.principal.id }
      const when = ended === 'true' ? {} : { activeAt: clock.now() }
      return { grants: (await oauth.listGrants({ ...whose, ...when })).map(shapes.grantOut) }
    },
  }),
  reading({
    name: 'listClients',
    summary: 'The clients on record: those that somebody used, asked for or owns, then the others, newest first each',
    guard: 'administrator',
    path: '/clients',
    input: z.object({}),
    answer: z.object({ clients: z.array(shapes.clientShape) }),
    async read({ oauth, clock }) {
      const grants = Map.groupBy(await oauth.listGrants({ activeAt: clock.now() }), ({ clientId }) => clientId)
      const clients = await oauth.listClients()
      return { clients: clients.map((client) => shapes.clientOut(client, grants.get(client.id)?.length ?? 0)) }
    },
  }),
  reading({
    name: 'listPeople',
    summary: 'The principals, in the order in which they came',
    guard: 'administrator',
    path: '/people',
    input: z.object({ after: id.optional() }),
    answer: z.object({ people: z.array(shapes.principalShape) }),
    read: async ({ identity }, _viewer, { after }) => ({
      people: (await identity.listPrincipals({ limit: 200, ...(after !== undefined && { after }) })).map(
        shapes.principalOut,
      ),
    }),
  }),
  reading({
    name: 'listEntitlements',
    summary: 'The rights of a principal that are in force',
    guard: 'administrator',
    path: '/people/{id}/entitlements',
    input: z.object({ id }),
    answer: z.object({ entitlements: z.array(shapes.entitlementShape) }),
    async read(rooms, _viewer, { id: of }) {
      await getPrincipal(rooms, of)
      return { entitlements: (await rooms.inventory.listRights(of)).map(shapes.entitlementOut) }
    },
  }),
  reading({
    name: 'listApprovals',
    summary: 'The approvals that wait for your answer, or with `mine=true` those that you asked for',
    guard: 'signed-in',
    path: '/approvals',
    input: z.object({ mine: z.enum(['true', 'false']).optional() }),
    answer: z.object({ approvals: z.array(shapes.approvalShape) }),
    async read({ approvals }, viewer, { mine }) {
      const me = viewer.principal.id
      const found = await approvals.list(mine === 'true' ? { forPrincipal: me } : { decidableBy: me })
      return { approvals: found.map(shapes.approvalOut) }
    },
  }),
  reading({
    name: 'getApproval',
    summary: 'One approval with the exact arguments, for who asked and who may decide',
    guard: 'party',
    path: '/approvals/{id}',
    input: z.object({ id }),
    answer: z.object({
      approval: shapes.approvalShape,
      requester: z.string().openapi({ description: 'name of the principal' }),
      client: z.string().openapi({ description: 'name of the client, by its own word' }),
      as: z.enum(['requester', 'approver']),
      arguments: z.string().openapi({ description: 'the exact bytes, whose SHA-256 is `argumentsDigest`' }),
    }),
    async read({ approvals, identity, oauth }, viewer, { id: of }) {
      const { approval, as } = await approvals.view(of, viewer.principal.id)
      const requester = (await identity.findPrincipal(approval.principalId))?.name ?? 'unknown'
      const client = (await oauth.findClient(approval.clientId))?.name ?? 'unknown'
      return {
        approval: shapes.approvalOut(approval),
        requester,
        client,
        as,
        arguments: await approvals.argumentsOf(approval),
      }
    },
  }),
]
