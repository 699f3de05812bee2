import type { Command, CommandContext } from '@stricli/core'
import { showArguments } from '../../approval/show.ts'
import { visible } from '../../base/visible.ts'
import { type ApiClient, Refusal } from '../api-client.ts'
import { type Given, onlineCommand } from '../command.ts'
import { columns, facts, time } from '../print.ts'

interface Approval {
  id: string
  upstream: string
  tool: string
  argumentsDigest: string
  state: string
  requestedAt: number
  expiresAt: number
  principalId: string
  clientId: string
  actor?: string
}

/** `approvals` */
export const approvals = onlineCommand<{ approvals: Approval[] }>({
  brief: 'List the calls that wait for your answer, or with --mine those that your clients asked for',
  flags: { mine: { kind: 'switch', brief: 'those that your clients asked for' } },
  call: (api, given) => api.get('/approvals', { mine: String(given.has('mine')) }),
  show: (found) =>
    columns(
      ['id', 'upstream', 'tool', 'state', 'ends'],
      found.approvals.map((one) => [one.id, one.upstream, one.tool, one.state, time(one.expiresAt)]),
    ),
})

interface View {
  approval: Approval
  requester: string
  client: string
  /** The exact text: it is laid out here, so that nothing between us can show another. */
  arguments: string
}

/** `approval ID` */
export const approval = onlineCommand<View>({
  brief: 'Show one approval with the exact arguments',
  args: [{ name: 'ID', brief: 'of the approval' }],
  call: (api, { args }) => api.get(`/approvals/${encodeURIComponent(args[0]!)}`),
  show({ approval: one, requester, client, arguments: text }) {
    const shown = showArguments(text)
    if (shown.digest !== one.argumentsDigest) throw new Refusal('these are not the arguments that were asked for')
    const told = facts([
      ['tool', `${one.upstream}/${one.tool}`],
      ['state', one.state],
      ['asked', time(one.requestedAt)],
      ['ends', time(one.expiresAt)],
      ['asked by', requester],
      ...(one.actor === undefined ? [] : [['acting', one.actor] as const]),
      ['through', `${client} (${one.clientId})`],
      ['arguments', `${shown.bytes} bytes, SHA-256 ${shown.digest}`],
    ])
    return `${told}\n\n${shown.complete ? shown.lines.join('\n') : shown.why}`
  },
})

/** `approve ID` and `deny ID` */
function answer(approve: boolean): Command<CommandContext> {
  return onlineCommand<Approval>({
    brief: approve ? 'Approve one call, once' : 'Deny one call',
    args: [{ name: 'ID', brief: 'of the approval' }],
    flags: { reason: { kind: 'text', brief: 'why; the requester reads it' } },
    call: (api, given) =>
      api.post(`/approvals/${encodeURIComponent(given.args[0]!)}/answer`, { approve, reason: given.text('reason') }),
    show: (one) => `${one.upstream}/${one.tool} is ${one.state}.`,
  })
}

export const approve = answer(true)
export const deny = answer(false)

type Revoke = (api: ApiClient, of: { id: string; reason: string; given: Given }) => Promise<unknown>

const revocations: Readonly<Record<string, Revoke>> = {
  grant: (api, { id, reason }) => api.post(`/grants/${encodeURIComponent(id)}/revoke`, { reason }),
  client: (api, { id, reason }) => api.post('/clients/revoke', { id, reason }),
  principal: (api, { id, reason }) => api.post(`/people/${encodeURIComponent(id)}/disable`, { reason }),
  upstream: (api, { id, reason, given }) =>
    api.post(`/upstreams/${encodeURIComponent(id)}/step`, {
      to: given.has('retire') ? 'retired' : 'suspended',
      reason,
    }),
  tool(api, { id, reason }) {
    const slash = id.indexOf('/')
    if (slash < 1) throw new Refusal('name a tool as UPSTREAM/TOOL, such as memory/delete_entities')
    const [upstream, tool] = [id.slice(0, slash), id.slice(slash + 1)]
    return api.post(`/upstreams/${encodeURIComponent(upstream)}/tools/withdraw`, { tool, reason })
  },
}

const ended: Readonly<Record<string, string>> = {
  grant: 'revoked',
  client: 'revoked',
  principal: 'disabled',
  upstream: 'suspended',
  tool: 'withdrawn',
}

/** `revoke KIND ID` */
export const revoke = onlineCommand({
  brief: 'Withdraw a grant, client, principal, upstream or tool; it takes effect at once',
  args: [
    { name: 'KIND', brief: Object.keys(revocations).join(', ') },
    { name: 'ID', brief: 'of it: an id, the name of an upstream, UPSTREAM/TOOL' },
  ],
  flags: {
    reason: { kind: 'text', brief: 'why; recorded in the ledger' },
    retire: { kind: 'switch', brief: 'retire the upstream, which is final, instead of suspending it' },
  },
  async call(api, given) {
    const [kind = '', id = ''] = given.args
    const does = Object.hasOwn(revocations, kind) ? revocations[kind] : undefined
    if (does === undefined) throw new Refusal(`cannot revoke a ${kind}: say ${Object.keys(revocations).join(', ')}`)
    await does(api, { id, reason: given.text('reason'), given })
    return { kind, id, retired: given.has('retire') }
  },
  show: ({ kind, id, retired }) => `The ${kind} ${visible(id)} is ${retired ? 'retired' : ended[kind]}.`,
})

/** `rotate-keys` */
export const rotateKeys = onlineCommand<{ keyId: string; signsAt: number; othersEndAt: number }>({
  brief: 'Replace the key that signs access tokens; nobody notices, unless --emergency ends all access tokens at once',
  flags: {
    reason: { kind: 'text', brief: 'why; recorded in the ledger' },
    emergency: { kind: 'switch', brief: 'somebody may have the key: what it signed is refused from now on' },
  },
  call: (api, given) => api.post('/keys/rotate', { reason: given.text('reason'), emergency: given.has('emergency') }),
  show: ({ keyId, signsAt, othersEndAt }, given) =>
    given.has('emergency')
      ? `The key ${keyId} signs. Every access token that was issued before is refused; clients renew by themselves.`
      : `The key ${keyId} is published and signs from ${time(signsAt)}. The keys before it end at ${time(othersEndAt)}.`,
})
