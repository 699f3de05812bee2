import { Refusal } from '../api-client.ts'
import { onlineCommand } from '../command.ts'
import { columns, facts, time } from '../print.ts'

interface Status {
  you: { name: string; id: string }
  administrator: boolean
  origin: string
  ready: boolean
  approvalsToDecide: number
  clientsWaiting: string[]
  upstreamsInReview: string[]
  upstreamsFailing: string[]
  toolsDrifted: { upstream: string; tool: string }[]
  toolsNew: { upstream: string; tool: string }[]
  ledger: { origin: string; size: number; key: string }
}

/** `status` */
export const status = onlineCommand<Status>({
  brief: 'Who you are, and what waits for you',
  call: (api) => api.get('/status'),
  show: (found) =>
    facts([
      ['gateway', `${found.origin}${found.ready ? '' : ' (not ready)'}`],
      ['you', `${found.you.name}${found.administrator ? ', administrator' : ''}`],
      ['approvals to decide', found.approvalsToDecide],
      ['clients that wait', found.clientsWaiting.join(', ') || 'none'],
      ['upstreams in review', found.upstreamsInReview.join(', ') || 'none'],
      ['upstreams that fail', found.upstreamsFailing.join(', ') || 'none'],
      ['tools changed', found.toolsDrifted.map(({ upstream, tool }) => `${upstream}/${tool}`).join(', ') || 'none'],
      ['tools new', found.toolsNew.map(({ upstream, tool }) => `${upstream}/${tool}`).join(', ') || 'none'],
      ['ledger', `${found.ledger.size} entries`],
    ]),
})

interface Upstreams {
  upstreams: { name: string; state: string; kind: string; address: string; purpose: string }[]
}

/** `upstreams` */
export const upstreams = onlineCommand<Upstreams>({
  brief: 'List the upstreams',
  call: (api) => api.get('/upstreams'),
  show: (found) =>
    columns(
      ['name', 'state', 'kind', 'address'],
      found.upstreams.map((one) => [one.name, one.state, one.kind, one.address]),
    ),
})

interface Tools {
  tools: { name: string; effect: string; traits: string[]; pin: string }[]
}

/** `tools NAME` */
export const tools = onlineCommand<Tools>({
  brief: 'List the tools of an upstream',
  args: [{ name: 'NAME', brief: 'of the upstream' }],
  call: (api, { args }) => api.get(`/upstreams/${encodeURIComponent(args[0]!)}/tools`),
  show: (found) =>
    columns(
      ['tool', 'effect', 'traits', 'state'],
      found.tools.map((one) => [one.name, one.effect, one.traits.join(', '), one.pin]),
    ),
})

interface Grants {
  grants: { id: string; clientId: string; upstream: string; tools: Record<string, string>; endsAt: number }[]
}

/** `grants` */
export const grants = onlineCommand<Grants>({
  brief: 'List your grants in force; for administrators, with --all, those of everybody',
  flags: { all: { kind: 'switch', brief: 'those of everybody' } },
  call: (api, given) => api.get('/grants', { all: String(given.has('all')) }),
  show: (found) =>
    columns(
      ['id', 'upstream', 'tools', 'ends', 'client'],
      found.grants.map((one) => [one.id, one.upstream, Object.keys(one.tools).length, time(one.endsAt), one.clientId]),
    ),
})

/** `people` */
export const people = onlineCommand<{ people: { id: string; name: string; state: string; issuer: string }[] }>({
  brief: 'List the principals',
  call: (api) => api.get('/people'),
  show: (found) =>
    columns(
      ['id', 'name', 'state', 'signs in through'],
      found.people.map((one) => [one.id, one.name, one.state, one.issuer]),
    ),
})

/** `invite NAME` */
export const invite = onlineCommand<{ url: string; expiresAt: number }>({
  brief: 'Make a link that turns one person into a principal, once',
  args: [{ name: 'NAME', brief: 'of the person' }],
  flags: {
    use: { kind: 'optional', brief: 'tools that may be used: memory=write,mux=read', placeholder: 'LIST' },
    approve: { kind: 'optional', brief: 'upstreams whose calls may be approved: memory,mux', placeholder: 'LIST' },
    administer: { kind: 'switch', brief: 'may administer the gateway' },
    days: { kind: 'optional', brief: 'how long the link lasts, 1 to 30, by default 7', placeholder: 'DAYS' },
  },
  call: (api, given) =>
    api.post('/people/invite', {
      name: given.args[0]!,
      administer: given.has('administer'),
      tools: readRights(given.optional('use'), given.optional('approve')),
      expiresInDays: Number(given.optional('days') ?? 7),
    }),
  show: ({ url, expiresAt }) => `${url}\n\nIt works once, until ${time(expiresAt)}. Whoever opens it first is let in.`,
})

function readRights(use: string | undefined, approve: string | undefined): Record<string, unknown>[] {
  const parts = (list: string | undefined) => (list ?? '').split(',').filter((part) => part !== '')
  const found = new Map<string, { upstream: string; use?: string; approve?: boolean }>()
  for (const part of parts(use)) {
    const [upstream = '', effect, ...rest] = part.split('=')
    if (effect === undefined || rest.length > 0) throw new Refusal('--use is a list such as memory=write,mux=read')
    found.set(upstream, { upstream, use: effect })
  }
  for (const upstream of parts(approve)) found.set(upstream, { ...found.get(upstream), upstream, approve: true })
  return [...found.values()]
}
