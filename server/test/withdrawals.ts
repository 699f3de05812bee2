import type { Agent } from './agent.ts'
import type { House } from './house.ts'
import type { Person } from './person.ts'

/** Whose right is withdrawn: a client of a person at an upstream that has `hang`, `read_note` and `delete_note`. */
export interface Withdrawn {
  house: House
  agent: Agent
  person: Person
}

/** One kind of withdrawal, and what is true after it. */
export interface Withdrawal {
  does: (from: Withdrawn) => Promise<unknown>
  /** Whether the person has the right through a group, and not by himself. */
  byGroup?: true
  /** What the next call gets. */
  status: 401 | 403
  reason: string
  /** Whether the streams end: they stand on everything but the tool. */
  streamsEnd: boolean
  /** What a renewal gets. */
  renewal: [status: number, error: string | undefined]
}

const withdrawnTools = ['hang', 'read_note', 'delete_note']

const by = 'set-up'
const reason = 'withdrawn by a test'

/** Every kind of withdrawal. */
export const withdrawals: Record<string, Withdrawal> = {
  'the grant': {
    does: ({ house, agent }) => house.rooms.oauth.revokeGrant({ by, id: agent.grantId, reason }),
    status: 401,
    reason: 'grant.revoked',
    streamsEnd: true,
    renewal: [400, 'invalid_grant'],
  },
  'the client': {
    does: ({ house, agent }) => house.rooms.oauth.revokeClient({ by, id: agent.client, reason }),
    status: 401,
    reason: 'client.revoked',
    streamsEnd: true,
    renewal: [401, 'invalid_client'],
  },
  'the principal': {
    does: ({ house, person }) => house.rooms.identity.disablePrincipal({ by, id: person.principal.id, reason }),
    status: 401,
    reason: 'principal.disabled',
    streamsEnd: true,
    renewal: [400, 'invalid_grant'],
  },
  'the upstream, for a while': {
    does: ({ house, agent }) =>
      house.rooms.inventory.stepUpstream({ by, name: agent.upstream, to: 'suspended', reason }),
    status: 403,
    reason: 'upstream.not_approved',
    streamsEnd: true,
    renewal: [400, 'invalid_target'],
  },
  'the upstream, for good': {
    does: ({ house, agent }) => house.rooms.inventory.stepUpstream({ by, name: agent.upstream, to: 'retired', reason }),
    status: 401,
    reason: 'grant.revoked',
    streamsEnd: true,
    renewal: [400, 'invalid_grant'],
  },
  'every tool': {
    async does({ house, agent }) {
      for (const tool of withdrawnTools) {
        await house.rooms.inventory.withdrawTool({ by, upstream: agent.upstream, tool, reason })
      }
    },
    status: 403,
    reason: 'tool.withheld',
    streamsEnd: false,
    renewal: [200, undefined],
  },
  'every entitlement': {
    async does({ house, person }) {
      const { inventory } = house.rooms
      const all = await inventory.listEntitlements({ principalId: person.principal.id })
      for (const { id } of all) await inventory.revokeEntitlement({ by, id, reason })
    },
    status: 403,
    reason: 'tool.unknown',
    streamsEnd: false,
    renewal: [200, undefined],
  },
  'the membership of a group': {
    async does({ house, person }) {
      const { identity } = house.rooms
      const held = await identity.listMemberships({ memberId: person.principal.id })
      for (const { groupId } of held) {
        await identity.removeMember({ by, group: groupId, member: person.principal.id, reason })
      }
    },
    byGroup: true,
    status: 403,
    reason: 'tool.unknown',
    streamsEnd: false,
    renewal: [200, undefined],
  },
}

/** Gives a person the right to an upstream's tools, as this kind of withdrawal needs it, and connects a client to all of them. */
export async function connectFor(
  house: House,
  { byGroup }: Pick<Withdrawal, 'byGroup'>,
  { name, upstream }: { name: string; upstream: string },
): Promise<{ person: Person; agent: Agent }> {
  const person = await house.person(name, byGroup ? [] : [`${upstream}/*`])
  if (byGroup) {
    const { identity, inventory } = house.rooms
    const { id: group } = await identity.makeGroup({ by, name: `those of ${name}`, reason })
    const tools = (await inventory.listTools(upstream)).map((tool) => tool.name)
    await inventory.entitle({ by, principalId: group, right: 'use', upstream, tools, reason })
    await identity.addMember({ by, group, member: person.principal.id, reason })
  }
  return { person, agent: await person.connect(upstream, 'all') }
}
