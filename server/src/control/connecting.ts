import type { WaitingConnection } from '../model/connection.ts'
import { requireGuard } from './guard.ts'
import { getConnectable } from './known.ts'
import type { ControlRooms, Viewer } from './rooms.ts'

/**
 * Lets who comes back from an authorization server finish what he may begin now: the organisation's connection is an
 * administrator's, one's own is that of who may use the upstream.
 *
 * @throws {Fault} `control.not_allowed`, `control.not_found`
 */
export async function requireConnecting(
  rooms: ControlRooms,
  viewer: Viewer,
  { own, upstream }: Pick<WaitingConnection, 'own' | 'upstream'>,
): Promise<void> {
  if (own) await getConnectable(rooms, viewer, upstream)
  else await requireGuard(rooms, viewer, { guard: 'administrator' })
}
