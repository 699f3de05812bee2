import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { compareEffect, type Effect } from '../model/effect.ts'
import type { Grant } from '../model/rights.ts'
import { consentedOf } from './client/consented.ts'
import type { Clients } from './clients.ts'
import { type OfferedTool, offerTools, readMembers } from './consent/offer.ts'
import type { Grants } from './grants.ts'
import type { Catalogue, People } from './ports.ts'

/** What an administrator gives a machine: nobody signs in through it, so there is no consent page. */
export interface MachineChoice {
  /** Id of the administrator. Who he is was checked. */
  by: string
  machine: string
  /** Which of the machine's clients gets it; may be left out where there is one. */
  clientId?: string | undefined
  upstream: string
  /** All tools of no graver effect than this that return no secrets. */
  upTo?: Effect | undefined
  /** And these, as the address calls them. */
  tools: readonly string[]
  durationSeconds: number
  reason: string
}

/** What giving to machines stands on. */
export interface MachineGrantParts {
  clock: Clock
  people: Pick<People, 'findMachine' | 'findPrincipal' | 'standsWithin'>
  catalogue: Catalogue
  clients: Clients
  grants: Grants
}

/**
 * Gives a grant to a client of a machine, in the machine's name. An earlier one of the same client on the same upstream
 * ends with it.
 *
 * Promise: it holds exactly tools that the machine is entitled to and that are served now, by their accepted definitions.
 *
 * @throws {Fault} `oauth.machine_refused` if the machine is unknown, disabled or without an owner, has no such client, or
 *   may not use what is given; `ledger.unavailable`. Nothing was given then.
 */
export async function giveToMachine(parts: MachineGrantParts, choice: MachineChoice): Promise<Grant> {
  const { by, upstream, durationSeconds, reason } = choice
  const principal = await parts.people.findMachine(choice.machine)
  if (principal?.state !== 'active') throw refused('there is no such machine, or it is disabled')
  const owner = principal.ownerId === undefined ? undefined : await parts.people.findPrincipal(principal.ownerId)
  if (owner?.state !== 'active') throw refused('the machine has no owner who is active: name one first')
  const known = parts.clients.ofMachine(choice.machine)
  const named =
    choice.clientId === undefined && known.length === 1 ? known : known.filter(({ id }) => id === choice.clientId)
  const client = named[0] && (await parts.clients.find(named[0].id))
  if (client?.state !== 'active') throw refused('the configuration has no such client of this machine')
  const place = await parts.catalogue.findPlace(upstream)
  if (place?.open !== true) throw refused('there is no such upstream, or it does not serve')
  const members = await readMembers(parts.catalogue, place, principal.id)
  const tools = chosenOf(choice, offerTools({ place, members, earlier: undefined, now: parts.clock.now() }))
  const about = {
    principalId: principal.id,
    client: { id: client.id, name: client.name, digest: consentedOf(client) },
    upstream,
    tools,
  }
  return parts.grants.give({ ...about, durationSeconds, replaces: true, by, reason }, async (tx) => {
    // Again, where no withdrawal comes in between.
    for (const principalId of [principal.id, owner.id])
      if (!(await parts.people.standsWithin(tx, { principalId })))
        throw refused('it, or its owner, was disabled meanwhile')
    await parts.clients.useWithin(tx, client)
  })
}

function chosenOf({ tools, upTo }: MachineChoice, offered: readonly OfferedTool[]): ReadonlyMap<string, string> {
  const byPath = new Map(offered.map((tool) => [tool.path, tool]))
  const missing = tools.find((path) => !byPath.has(path))
  if (missing !== undefined) throw refused(`the machine may not use \`${missing}\`, or it is not served`)
  const below = offered.filter(
    ({ effect, traits }) => upTo !== undefined && compareEffect(effect, upTo) <= 0 && !traits.includes('secret'),
  )
  const chosen = new Map(
    [...below, ...tools.map((path) => byPath.get(path)!)].map(({ path, digest }) => [path, digest]),
  )
  if (chosen.size === 0) throw refused('it is entitled to nothing of that: give it the rights first')
  return chosen
}

function refused(why: string): Fault {
  return new Fault('oauth.machine_refused', `cannot give this to the machine: ${why}`)
}
