import { digestOf } from '../base/ids.ts'
import { grantAt } from '../model/bundle.ts'
import { findLack, type LoginDemand } from '../model/login.ts'
import type { Grant } from '../model/rights.ts'
import { unknown } from './known.ts'
import type { ControlRooms, Viewer } from './rooms.ts'

/** A tool of a grant whose use demands something of the login behind it: one of these is enough. */
interface Demanding {
  upstream: string
  tool: string
  demands: LoginDemand[]
}

/** A login that a program wants behind a grant of the viewer's own. */
interface Wanted {
  grant: Grant
  clientName: string
  /** What the use of the tool demands of it: one of these is enough, for each stands with a right of his. */
  demands: LoginDemand[]
  /** Whether the login of this browser is one. */
  met: boolean
  /** What it opens, or where it is not good enough, what a new one can open. */
  opened: Demanding[]
  /** Digest of all that is shown of it: a form made from something else is not taken. */
  shown: string
}

/**
 * What the use of a tool by a grant of the viewer's own demands of his login. With it every tool of that grant whose use
 * demands something, for there is one login behind them all; the link that leads here is written by the program, and names
 * the one that it likes best.
 *
 * @throws {Fault} `control.not_found` for a grant of somebody else, or none, and for a tool that the grant does not hold, or
 *   whose use demands nothing.
 */
export async function getWanted(
  rooms: ControlRooms,
  { principal, login }: Viewer,
  { id, upstream, tool }: { id: string; upstream: string; tool: string },
): Promise<Wanted> {
  const grant = await rooms.oauth.findGrant(id)
  const now = rooms.clock.now()
  const gone = grant?.revokedAt !== undefined || (grant?.endsAt ?? 0) <= now
  if (grant?.principalId !== principal.id || gone) unknown('grant')
  const all = await listDemanding(rooms, grant)
  const { demands } = all.find((one) => one.upstream === upstream && one.tool === tool) ?? unknown('tool')
  const meets = (one: LoginDemand) => login !== undefined && findLack(login, one, now) === undefined
  const met = demands.some(meets)
  const opened = met ? all.filter((one) => one.demands.some(meets)) : all
  const clientName = (await rooms.oauth.findClient(grant.clientId))?.name ?? grant.clientId
  const shown = digestOf(JSON.stringify([id, clientName, upstream, tool, demands, met, opened, login, grant.login]))
  return { grant, clientName, demands, met, opened, shown }
}

async function listDemanding({ inventory }: Pick<ControlRooms, 'inventory'>, grant: Grant): Promise<Demanding[]> {
  const bundle = await inventory.findBundle(grant.upstream)
  const parts = bundle?.members.map(({ upstream }) => grantAt(grant, bundle, upstream)) ?? [grant]
  const rights = (await inventory.listRights(grant.principalId)).filter(({ right }) => right === 'use')
  return parts.flatMap((part) =>
    [...(part?.tools.keys() ?? [])].flatMap((tool) => {
      const held = rights.filter((one) => one.upstream === part!.upstream && one.tool === tool)
      const demands = held.flatMap(({ login }) => (login === undefined ? [] : [login]))
      // A right that demands nothing lets the program through whatever the others demand.
      const some = held.length > 0 && demands.length === held.length
      return some ? [{ upstream: part!.upstream, tool, demands }] : []
    }),
  )
}
