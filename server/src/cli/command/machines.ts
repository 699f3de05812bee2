import { Refusal } from '../api-client.ts'
import { onlineCommand } from '../command.ts'
import { columns } from '../print.ts'

interface Machine {
  id: string
  name: string
  title: string
  ownerId?: string
  state: string
  clients: { id: string; proof: string }[]
}

const reason = { kind: 'text', brief: 'why', placeholder: 'TEXT' } as const
const listOf = (text: string | undefined) => (text ?? '').split(',').filter((part) => part !== '')

/** `machines` */
export const machines = onlineCommand<{ machines: Machine[] }>({
  brief: 'List the machines: workloads that call in their own name',
  call: (api) => api.get('/machines'),
  show: (found) =>
    columns(
      ['name', 'id', 'state', 'owner', 'proves itself by'],
      found.machines.map((one) => [
        one.name,
        one.id,
        one.state,
        one.ownerId ?? 'nobody',
        one.clients.map(({ id, proof }) => `${id} (${proof})`).join(', ') || 'nothing yet',
      ]),
    ),
})

/** `make-machine NAME` */
export const makeMachine = onlineCommand<{ id: string }>({
  brief: 'Make a machine, with no rights yet',
  args: [{ name: 'NAME', brief: 'as the configuration calls it' }],
  flags: {
    title: { kind: 'optional', brief: 'what people call it, by default its name', placeholder: 'TEXT' },
    owner: { kind: 'optional', brief: 'id of the person who answers for it, by default yours', placeholder: 'ID' },
    reason,
  },
  call: async (api, given) =>
    api.post('/machines', {
      name: given.args[0]!,
      title: given.optional('title') ?? given.args[0]!,
      ownerId: given.optional('owner') ?? (await api.get<{ you: { id: string } }>('/status')).you.id,
      reason: given.text('reason'),
    }),
  show: ({ id }, given) => `made \`${given.args[0]!}\`, ${id}\n\nIt may use nothing yet: sallyport entitle ${id} …`,
})

/** `entitle PRINCIPAL` */
export const entitle = onlineCommand<{ given: number }>({
  brief: 'Give a principal the right to use tools',
  args: [{ name: 'PRINCIPAL', brief: 'its id' }],
  flags: {
    use: { kind: 'text', brief: 'up to which effect: memory=write,mux=read', placeholder: 'LIST' },
    reason,
  },
  async call(api, given) {
    let count = 0
    for (const part of listOf(given.text('use'))) {
      const [upstream = '', upTo = '', ...rest] = part.split('=')
      if (upTo === '' || rest.length > 0) throw new Refusal('--use is a list such as memory=write,mux=read')
      const body = { right: 'use', upstream, upTo, reason: given.text('reason') }
      count += (await api.post<{ given: number }>(`/people/${encodeURIComponent(given.args[0]!)}/entitle`, body)).given
    }
    return { given: count }
  },
  show: ({ given }) => `gave ${given} rights`,
})

/** `grant-machine NAME` */
export const grantMachine = onlineCommand<{ grantId: string; tools: number }>({
  brief: 'Give a machine a grant of what it is entitled to on one address',
  args: [{ name: 'NAME', brief: 'of the machine' }],
  flags: {
    upstream: { kind: 'text', brief: 'name of the upstream or bundle', placeholder: 'NAME' },
    upTo: { kind: 'optional', brief: 'all tools up to this effect: read, write, destructive', placeholder: 'EFFECT' },
    tools: { kind: 'optional', brief: 'and these', placeholder: 'LIST' },
    client: { kind: 'optional', brief: 'which of its clients, where there are several', placeholder: 'ID' },
    days: { kind: 'optional', brief: 'how long, 1 to 365, by default 90', placeholder: 'DAYS' },
    reason,
  },
  call: (api, given) =>
    api.post(`/machines/${encodeURIComponent(given.args[0]!)}/grant`, {
      upstream: given.text('upstream'),
      upTo: given.optional('upTo'),
      tools: listOf(given.optional('tools')),
      client: given.optional('client'),
      days: Number(given.optional('days') ?? 90),
      reason: given.text('reason'),
    }),
  show: ({ grantId, tools }) => `gave ${grantId}: ${tools} tools`,
})
