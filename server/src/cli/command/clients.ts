import { visible } from '../../base/visible.ts'
import { onlineCommand } from '../command.ts'
import { columns, time } from '../print.ts'

interface Client {
  id: string
  name: string
  source: string
  state: string
  publisher?: string
  reference: string
  ownerId?: string
  askedBy?: string
  grants: number
  usedAt?: number
}

/** `clients` */
export const clients = onlineCommand<{ clients: Client[] }>({
  brief: 'List the clients, or with --waiting those that somebody asked for and nobody admitted',
  flags: { waiting: { kind: 'switch', brief: 'those that wait for admission' } },
  call: (api) => api.get('/clients'),
  show: (found, given) =>
    columns(
      ['reference', 'name', 'state', 'publisher', 'owner', 'grants', 'last used', 'id'],
      found.clients
        .filter(({ state, askedBy }) => !given.has('waiting') || (state === 'waiting' && askedBy !== undefined))
        .map((one) => [
          one.reference,
          one.name,
          one.state === 'active' && one.ownerId !== undefined ? 'admitted' : one.state,
          one.publisher,
          one.ownerId,
          one.grants,
          time(one.usedAt),
          one.id,
        ]),
    ),
})

const args = [{ name: 'ID', brief: 'of the client' }]
const reason = { kind: 'text', brief: 'why; recorded in the ledger', placeholder: 'TEXT' } as const

/** `admit-client ID` */
export const admitClient = onlineCommand<object>({
  brief: 'Admit a client: it may be used from then on',
  args,
  flags: {
    reason,
    owner: { kind: 'optional', brief: 'id of who answers for it, by default yours', placeholder: 'ID' },
  },
  call(api, given) {
    const ownerId = given.optional('owner')
    return api.post('/clients/admit', {
      id: given.args[0]!,
      reason: given.text('reason'),
      ...(ownerId !== undefined && { ownerId }),
    })
  },
  show: (_result, given) => `admitted ${visible(given.args[0]!)}`,
})

/** `refuse-client ID` */
export const refuseClient = onlineCommand<object>({
  brief: 'Refuse a client with all grants to it; it can be admitted later',
  args,
  flags: { reason },
  call: (api, given) => api.post('/clients/refuse', { id: given.args[0]!, reason: given.text('reason') }),
  show: (_result, given) => `refused ${visible(given.args[0]!)}`,
})

/** `set-client-owner ID` */
export const setClientOwner = onlineCommand<object>({
  brief: 'Give an admitted client to another owner',
  args,
  flags: { reason, owner: { kind: 'text', brief: 'id of who answers for it', placeholder: 'ID' } },
  call: (api, given) =>
    api.post('/clients/owner', {
      id: given.args[0]!,
      ownerId: given.text('owner'),
      reason: given.text('reason'),
    }),
  show: (_result, given) => `given ${visible(given.args[0]!)} to another owner`,
})
