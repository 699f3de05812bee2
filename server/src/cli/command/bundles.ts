import { Refusal, type ApiClient } from '../api-client.ts'
import { onlineCommand, type Given } from '../command.ts'
import { columns } from '../print.ts'

interface Bundle {
  name: string
  address: string
  state: string
  members: { upstream: string; prefix: string }[]
}

/** `bundles` */
export const bundles = onlineCommand<{ bundles: Bundle[] }>({
  brief: 'List the bundles: addresses over several upstreams',
  call: (api) => api.get('/bundles'),
  show: (found) =>
    columns(
      ['name', 'state', 'address', 'members'],
      found.bundles.map((one) => [
        one.name,
        one.state,
        one.address,
        one.members.map(({ upstream, prefix }) => `${upstream}=${prefix}`).join(','),
      ]),
    ),
})

const flags = {
  members: {
    kind: 'text',
    brief: 'upstreams and prefixes, in their order: memory=memory,mux=video',
    placeholder: 'LIST',
  },
  purpose: { kind: 'text', brief: 'what it is for', placeholder: 'TEXT' },
  reason: { kind: 'text', brief: 'why', placeholder: 'TEXT' },
  owner: { kind: 'optional', brief: 'id of the owner, by default yours', placeholder: 'ID' },
} as const

const args = [{ name: 'NAME', brief: 'of the bundle' }]

/** `make-bundle NAME` */
export const makeBundle = onlineCommand<{ name: string }>({
  brief: 'Make a bundle; it gives nobody a right',
  args,
  flags,
  call: async (api, given) => api.post('/bundles', { name: given.args[0]!, ...(await read(api, given)) }),
  show: ({ name }) => `made \`${name}\``,
})

/** `change-bundle NAME` */
export const changeBundle = onlineCommand<object>({
  brief: 'Change the members, the order, the purpose or the owner of a bundle',
  args,
  flags,
  call: async (api, given) => api.post(`/bundles/${encodeURIComponent(given.args[0]!)}/change`, await read(api, given)),
  show: (_result, given) => `changed \`${given.args[0]!}\``,
})

/** `retire-bundle NAME` */
export const retireBundle = onlineCommand<object>({
  brief: 'Retire a bundle for good, with all grants of its address',
  args,
  flags: { reason: flags.reason },
  call: (api, given) =>
    api.post(`/bundles/${encodeURIComponent(given.args[0]!)}/retire`, { reason: given.text('reason') }),
  show: (_result, given) => `retired \`${given.args[0]!}\``,
})

async function read(api: ApiClient, given: Given): Promise<Record<string, unknown>> {
  const members = given
    .text('members')
    .split(',')
    .map((part) => {
      const [upstream = '', prefix = '', ...rest] = part.trim().split('=')
      if (prefix === '' || rest.length > 0) throw new Refusal('--members is a list such as memory=memory,mux=video')
      return { upstream, prefix }
    })
  const ownerId = given.optional('owner') ?? (await api.get<{ you: { id: string } }>('/status')).you.id
  return { members, purpose: given.text('purpose'), reason: given.text('reason'), ownerId }
}
