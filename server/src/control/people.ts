import type { Principal } from '../model/principal.ts'
import type { ControlRooms } from './rooms.ts'

/** Finds principals by id, each once, for a page that names many. */
export async function readNames(
  { identity }: Pick<ControlRooms, 'identity'>,
  ids: Iterable<string | undefined>,
): Promise<ReadonlyMap<string, Principal>> {
  const found = new Map<string, Principal>()
  for (const id of new Set(ids)) {
    const principal = id === undefined ? undefined : await identity.findPrincipal(id)
    if (principal !== undefined) found.set(principal.id, principal)
  }
  return found
}
