import type { Log } from './base/log.ts'
import { builtinLaunches } from './gateway/builtin.ts'
import type { Inventory } from './inventory/inventory.ts'
import type { Upstream } from './model/upstream.ts'
import type { OAuth } from './oauth/oauth.ts'

/** What the set-up works with. */
export interface SetUpParts {
  inventory: Inventory
  oauth: Pick<OAuth, 'findClient' | 'setClientOwner'>
  /** The ids of the clients of the configuration. */
  configured: readonly string[]
  look: (upstream: Upstream) => Promise<void>
  log: Log
}

const firstRights = 'comes with the product: the first administrator may try every tool'

/**
 * Enters the upstreams that come with the product, approved by the set-up. Does nothing for those that were entered before.
 *
 * @param names which of them; those that are not known are left out.
 */
export async function preloadUpstreams(
  { inventory }: Pick<SetUpParts, 'inventory'>,
  names: readonly string[],
): Promise<void> {
  for (const [name, { purpose }] of Object.entries(builtinLaunches)) {
    if (names.includes(name))
      await inventory.preloadUpstream({ name, launch: { kind: 'stdio', command: name }, purpose })
  }
}

/**
 * Gives the upstreams of the set-up and the clients of the configuration, which have no owner yet, to the first
 * administrator, who may use the tools of these upstreams from then on. Approvals stay with somebody else: the owner
 * approves the calls of others, never his own.
 */
export async function giveToFirstAdministrator(parts: SetUpParts): Promise<void> {
  const { inventory, look } = parts
  const clients = await ownerless(parts)
  const orphans = (await inventory.listUpstreams()).filter(
    (one) => one.proposedBy === undefined && one.ownerId === undefined,
  )
  if (orphans.length === 0 && clients.length === 0) return
  const [first] = await inventory.listEntitlements({ right: 'administer', upstream: '*', tool: '*' })
  if (first === undefined) return
  for (const id of clients) {
    await parts.oauth.setClientOwner({ by: 'set-up', id, ownerId: first.principalId, reason: 'of the configuration' })
  }
  for (const upstream of orphans) {
    if (upstream.state !== 'approved') continue
    await look(upstream)
    const tools = (await inventory.listTools(upstream.name)).map((tool) => tool.name)
    const by = 'set-up'
    await inventory.setUpstreamOwner({ by, name: upstream.name, ownerId: first.principalId, reason: firstRights })
    if (tools.length === 0) continue
    await inventory.entitle({
      by,
      principalId: first.principalId,
      right: 'use',
      upstream: upstream.name,
      tools,
      reason: firstRights,
    })
  }
}

async function ownerless({ oauth, configured }: Pick<SetUpParts, 'oauth' | 'configured'>): Promise<string[]> {
  const clients = await Promise.all(configured.map((id) => oauth.findClient(id)))
  return clients.flatMap((client) => (client?.state === 'active' && client.ownerId === undefined ? [client.id] : []))
}
