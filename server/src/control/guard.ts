import { Fault } from '../base/fault.ts'
import type { ControlRooms, Viewer } from './rooms.ts'

/**
 * Who may take a route. Each route declares one; `server/test/golden/routes.txt` lists them all.
 *
 * `public`: everybody · `signed-in`: every principal, who then sees what is his · `administrator` · `owner`: who owns the
 * upstream, or all the tools that are concerned, or an administrator · `holder`: whose grant it is, or an administrator ·
 * `party`: who asked for the approval, or may decide it · `approver`: who may decide it and did not ask for it.
 */
export type Guard = 'public' | 'signed-in' | 'administrator' | 'owner' | 'holder' | 'party' | 'approver'

/** What a request concerns, for the guards that depend on it. */
export interface Concern {
  upstream?: string | undefined
  tools?: readonly string[] | undefined
  grantId?: string | undefined
}

/**
 * Lets a viewer through, or throws.
 *
 * `party` and `approver` are the approval room's own to judge, with the approval at hand: here they are `signed-in`.
 *
 * @throws {Fault} `control.not_allowed`
 */
export async function requireGuard(
  rooms: ControlRooms,
  viewer: Viewer,
  { guard, concern = {} }: { guard: Exclude<Guard, 'public'>; concern?: Concern },
): Promise<void> {
  if (guard === 'signed-in' || guard === 'party' || guard === 'approver' || viewer.administrator) return
  if (guard === 'owner' && (await owns(rooms, viewer.principal.id, concern))) return
  if (guard === 'holder' && (await holds(rooms, viewer.principal.id, concern))) return
  throw new Fault('control.not_allowed', messages[guard], { detail: `principal ${viewer.principal.id}` })
}

/** How long after a sign-in steps may be taken that outlast it, or let somebody in. */
const freshSeconds = 10 * 60

/** Whether a viewer signed in a moment ago. Keys never did. */
export function isFresh({ clock }: Pick<ControlRooms, 'clock'>, { provedAt }: Pick<Viewer, 'provedAt'>): boolean {
  return provedAt !== undefined && clock.now() - provedAt <= freshSeconds * 1_000
}

/**
 * Lets through who signed in a moment ago, or throws.
 *
 * @throws {Fault} `identity.not_fresh`
 */
export function requireFresh(rooms: Pick<ControlRooms, 'clock'>, viewer: Viewer): void {
  if (isFresh(rooms, viewer)) return
  throw new Fault('identity.not_fresh', 'cannot do this: your sign-in is older than 10 minutes; sign in again')
}

const messages = {
  administrator: 'cannot do this: only an administrator may',
  owner: 'cannot do this: only the owner of the upstream or the tool, or an administrator, may',
  holder: 'cannot do this: there is no such grant of yours',
} as const

async function owns(rooms: ControlRooms, principalId: string, { upstream, tools }: Concern): Promise<boolean> {
  if (upstream === undefined) return false
  if ((await rooms.inventory.findUpstream(upstream))?.ownerId === principalId) return true
  if (tools === undefined || tools.length === 0) return false
  const owned = new Set(
    (await rooms.inventory.listTools(upstream)).filter((tool) => tool.ownerId === principalId).map(({ name }) => name),
  )
  return tools.every((tool) => owned.has(tool))
}

async function holds(rooms: ControlRooms, principalId: string, { grantId }: Concern): Promise<boolean> {
  return grantId !== undefined && (await rooms.oauth.findGrant(grantId))?.principalId === principalId
}
