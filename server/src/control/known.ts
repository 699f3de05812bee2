import type { OnBehalf } from '../base/config.ts'
import { Fault } from '../base/fault.ts'
import type { Bundle } from '../model/bundle.ts'
import type { Principal } from '../model/principal.ts'
import type { Upstream } from '../model/upstream.ts'
import type { Connection } from '../vault/credentials.ts'
import type { ControlRooms, Viewer } from './rooms.ts'

/** @throws {Fault} `control.not_found` */
export async function getUpstream({ inventory }: Pick<ControlRooms, 'inventory'>, name: string): Promise<Upstream> {
  return (await inventory.findUpstream(name)) ?? unknown('upstream')
}

/** @throws {Fault} `control.not_found` */
export async function getPrincipal({ identity }: Pick<ControlRooms, 'identity'>, id: string): Promise<Principal> {
  return (await identity.findPrincipal(id)) ?? unknown('principal')
}

/** @throws {Fault} `control.not_found`, always. */
export function unknown(what: string): never {
  throw new Fault('control.not_found', `there is no such ${what}, or it is not yours to see`)
}

/**
 * The upstreams that a viewer may see: administrators all, everybody else those that he owns, or has a right to.
 */
export async function listSeen(rooms: Pick<ControlRooms, 'inventory'>, viewer: Viewer): Promise<Upstream[]> {
  const all = await rooms.inventory.listUpstreams()
  if (viewer.administrator) return all
  const rights = await rooms.inventory.listRights(viewer.principal.id)
  const named = new Set(rights.map((right) => right.upstream))
  const seen: Upstream[] = []
  for (const upstream of all) {
    if (named.has(upstream.name) || (await ownsSome(rooms, viewer, upstream))) seen.push(upstream)
  }
  return seen
}

/**
 * One upstream, as far as the viewer may see it.
 *
 * @throws {Fault} `control.not_found`, whether or not it exists.
 */
export async function getSeen(rooms: Pick<ControlRooms, 'inventory'>, viewer: Viewer, name: string): Promise<Upstream> {
  return (await listSeen(rooms, viewer)).find((upstream) => upstream.name === name) ?? unknown('upstream')
}

/** The bundles of which a viewer may see a member at least; administrators see all. */
export async function listSeenBundles(rooms: Pick<ControlRooms, 'inventory'>, viewer: Viewer): Promise<Bundle[]> {
  const all = await rooms.inventory.listBundles()
  if (viewer.administrator) return all
  const seen = new Set((await listSeen(rooms, viewer)).map(({ name }) => name))
  return all.flatMap((bundle) => {
    const members = bundle.members.filter(({ upstream }) => seen.has(upstream))
    return members.length > 0 && bundle.state === 'serving' ? [{ ...bundle, members }] : []
  })
}

/**
 * One bundle, as far as the viewer may see it: with those of its members that he may see.
 *
 * @throws {Fault} `control.not_found`, whether or not it exists.
 */
export async function getSeenBundle(
  rooms: Pick<ControlRooms, 'inventory'>,
  viewer: Viewer,
  name: string,
): Promise<Bundle> {
  return (await listSeenBundles(rooms, viewer)).find((bundle) => bundle.name === name) ?? unknown('bundle')
}

async function ownsSome(
  { inventory }: Pick<ControlRooms, 'inventory'>,
  { principal }: Viewer,
  upstream: Upstream,
): Promise<boolean> {
  if (upstream.ownerId === principal.id) return true
  return (await inventory.listTools(upstream.name)).some((tool) => tool.ownerId === principal.id)
}

/** An upstream that is called in the name of a viewer who may use something of it. */
export interface OwnPlace {
  name: string
  entry: OnBehalf
  /** The viewer's own, where that is the way. */
  connection: Connection | undefined
}

/** The upstreams that are called in the name of the viewer. */
export async function listOwnPlaces(
  { inventory, vault, config }: Pick<ControlRooms, 'inventory' | 'vault' | 'config'>,
  { principal }: Viewer,
): Promise<OwnPlace[]> {
  const rights = await inventory.listRights(principal.id)
  const usable = new Set(rights.filter(({ right }) => right === 'use').map(({ upstream }) => upstream))
  const serving = (await inventory.listUpstreams()).filter(
    ({ name, state }) => state === 'approved' && usable.has(name),
  )
  const own = await vault.listConnectionsOf(principal.id)
  return serving.flatMap(({ name }) => {
    const entry = config.onBehalf.get(name)
    return entry === undefined ? [] : [{ name, entry, connection: own.find(({ upstream }) => upstream === name) }]
  })
}

/**
 * How an upstream is connected that the viewer may connect for himself now.
 *
 * @throws {Fault} `control.not_found`
 */
export async function getConnectable(
  rooms: Pick<ControlRooms, 'inventory' | 'vault' | 'config'>,
  viewer: Viewer,
  upstream: string,
): Promise<Extract<OnBehalf, { way: 'connection' }>> {
  const place = (await listOwnPlaces(rooms, viewer)).find((one) => one.name === upstream)
  return place?.entry.way === 'connection' ? place.entry : unknown('upstream')
}
