import type { Clock } from '../../base/clock.ts'
import type { Grant } from '../../model/rights.ts'
import type { Clients } from '../clients.ts'
import { type Asked, type Given, NotTaken } from '../grant-type.ts'
import type { Grants } from '../grants.ts'
import { upstreamOf } from '../metadata.ts'
import type { Catalogue, People } from '../ports.ts'
import { boundOf, readLimits, type Said } from './limits.ts'

/** What the grant of a machine stands on. */
export interface MachineParts {
  origin: string
  clock: Clock
  people: Pick<People, 'findMachine'>
  catalogue: Catalogue
  clients: Clients
  grants: Grants
}

/**
 * Opens the client credentials grant: a client of the configuration that is a machine gets tokens under the grant that an
 * administrator gave it. Nothing is given here.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-4.4
 */
export function openClientCredentials(parts: MachineParts): (asked: Asked) => Promise<Given> {
  return async ({ clientId, authenticated, params: { resource, scope } }) => {
    const machine = parts.clients.machineOf(clientId)
    if (!authenticated || machine === undefined) throw new NotTaken('the client is no machine that has proved itself')
    return machineGrant(parts, { machine, clientId, resource, said: { claims: {}, requested: scope } })
  }
}

/**
 * The newest grant in force that an administrator gave a machine, for a client, at a resource, and the bound of a token under
 * it.
 *
 * @throws {NotTaken} if the machine is unknown or disabled, or has none, or one that holds nothing of what was said.
 */
export async function machineGrant(
  parts: Omit<MachineParts, 'clients'>,
  of: { machine: string; clientId: string; resource: string | undefined; said: Said },
): Promise<{ grant: Grant; resource: string; bound: string | undefined }> {
  const { machine, clientId, resource } = of
  const upstream = resource === undefined ? undefined : upstreamOf(parts.origin, resource)
  if (resource === undefined || upstream === undefined) throw new NotTaken('the resource is not one of ours')
  const principal = await parts.people.findMachine(machine)
  if (principal?.state !== 'active') throw new NotTaken(`there is no machine \`${machine}\`, or it is disabled`)
  const activeAt = parts.clock.now()
  const [grant] = await parts.grants.list({ principalId: principal.id, clientId, upstream, activeAt })
  if (grant === undefined) throw new NotTaken(`machine \`${machine}\` was granted nothing at \`${upstream}\``)
  return { grant, resource, bound: await boundOf(parts, grant, readLimits(of.said)) }
}
