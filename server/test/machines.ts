import type { Effect } from '../src/model/effect.ts'
import type { Grant } from '../src/model/rights.ts'
import { Agent } from './agent.ts'
import type { House } from './house.ts'
import type { Tokens } from './oauth-client.ts'
import type { Person } from './person.ts'

const reason = 'for a test'

/** Makes a machine with an owner, and gives it the right to use these tools, `upstream/tool`. */
export async function makeMachine(
  house: House,
  name: string,
  tools: readonly string[] = [],
): Promise<{ id: string; owner: Person }> {
  const owner = await house.person(`owner of ${name}`)
  const { identity } = house.rooms
  const { id } = await identity.makeMachine({ by: 'set-up', name, title: name, ownerId: owner.principal.id, reason })
  await entitle(house, id, tools)
  return { id, owner }
}

/** Gives a principal the right to use these tools, `upstream/tool`. */
export async function entitle({ rooms }: House, principalId: string, tools: readonly string[]): Promise<void> {
  for (const path of tools) {
    const [upstream = '', tool = ''] = path.split('/')
    await rooms.inventory.entitle({ by: 'set-up', principalId, right: 'use', upstream, tools: [tool], reason })
  }
}

/** Gives a machine a grant for all that it may use, up to an effect. */
export function grantTo(
  { rooms }: House,
  machine: string,
  of: { upstream: string; upTo?: Effect; clientId?: string },
): Promise<Grant> {
  const given = { upTo: 'write' as const, ...of, tools: [], durationSeconds: 86_400 }
  return rooms.oauth.giveToMachine({ ...given, by: 'set-up', machine, reason })
}

/** An agent with a token that it did not get by a consent page. */
export function agentWith(house: House, upstream: string, tokens: Tokens): Agent {
  return new Agent({ origin: house.url, upstream, client: '', resource: `${house.origin}/mcp/${upstream}`, tokens })
}

/** Whether the server's metadata offers a grant type. */
export async function offers(house: House, grantType: string): Promise<boolean> {
  const answer = await fetch(`${house.url}/.well-known/oauth-authorization-server`)
  return ((await answer.json()) as { grant_types_supported: string[] }).grant_types_supported.includes(grantType)
}
