import type { LoginDemand } from '../model/login.ts'
import type { Grant } from '../model/rights.ts'
import { unknown } from './known.ts'
import type { ControlRooms, Viewer } from './rooms.ts'

/**
 * What the use of a tool by a grant of the viewer's own demands of his login: one of these is enough, for each stands with a
 * right of his.
 *
 * @throws {Fault} `control.not_found` for a grant of somebody else, or none, and for a tool whose use demands nothing.
 */
export async function getWanted(
  { oauth, inventory, clock }: ControlRooms,
  { principal }: Viewer,
  { id, upstream, tool }: { id: string; upstream: string; tool: string },
): Promise<{ grant: Grant; demands: LoginDemand[] }> {
  const grant = await oauth.findGrant(id)
  const now = clock.now()
  if (grant?.principalId !== principal.id || grant.revokedAt !== undefined || grant.endsAt <= now) unknown('grant')
  const held = await inventory.listEntitlements({
    principalId: principal.id,
    right: 'use',
    upstream,
    tool,
    activeAt: now,
  })
  const demands = held.flatMap(({ login }) => (login === undefined ? [] : [login]))
  if (demands.length === 0) unknown('tool')
  return { grant, demands }
}
