import { z } from '@hono/zod-openapi'
import { action, reason } from '../action.ts'
import type { Flash } from '../page/flash.ts'
import { clientHref } from '../page/client-facts.ts'

// The id may be an address, which cannot stand in a path.
const id = z.string().min(1).max(2_048)
const ownerId = z.string().min(1).max(64)

const toClient =
  (flash: Flash) =>
  ({ id: of }: { id: string }) => ({ to: clientHref(of), flash })

export const clientActions = [
  action({
    name: 'admitClient',
    summary: 'Admit a client: it may be used from then on, and its owner (by default you) answers for it',
    guard: 'administrator',
    path: '/clients/admit',
    input: z.object({ id, ownerId: ownerId.optional(), reason }),
    run: ({ oauth }, { principal }, input) =>
      oauth.admitClient({ ...input, by: principal.id, ownerId: input.ownerId ?? principal.id }),
    after: toClient('client-admitted'),
  }),
  action({
    name: 'refuseClient',
    summary: 'Refuse a client with all grants to it; it can be admitted later',
    guard: 'administrator',
    path: '/clients/refuse',
    input: z.object({ id, reason }),
    run: ({ oauth }, { principal }, input) => oauth.refuseClient({ ...input, by: principal.id }),
    after: toClient('client-refused'),
  }),
  action({
    name: 'setClientOwner',
    summary: 'Give an admitted client to another owner',
    guard: 'administrator',
    path: '/clients/owner',
    input: z.object({ id, ownerId, reason }),
    run: ({ oauth }, { principal }, input) => oauth.setClientOwner({ ...input, by: principal.id }),
    after: toClient('owner-set'),
  }),
  action({
    name: 'revokeClient',
    summary: 'Revoke a client with all grants to it; it cannot come back under the same id',
    guard: 'administrator',
    path: '/clients/revoke',
    input: z.object({ id, reason }),
    run: ({ oauth }, viewer, { id: of, reason: why }) =>
      oauth.revokeClient({ by: viewer.principal.id, id: of, reason: why }),
    after: () => ({ to: '/clients', flash: 'client-revoked' }),
  }),
]
