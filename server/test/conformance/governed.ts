import type { TestContext } from 'node:test'
import type { Effect } from '../../src/model/effect.ts'
import { openHouse, type House } from '../house.ts'
import { openShim, type Shim } from './shim.ts'

const name = 'fixture'

/**
 * A whole gateway before an MCP server: the server is an approved upstream with everything pinned, a person is entitled to
 * everything, and their client came by registration, login and consent.
 *
 * @returns the address at which the suite finds it, with the token already on.
 */
export async function govern(t: TestContext, url: string): Promise<{ house: House; shim: Shim }> {
  const house = await openHouse(t, { reach: [url] })
  await house.httpUpstream(name, url, {})
  const tools = await house.rooms.inventory.listTools(name)
  const [owner] = (await house.rooms.identity.listPrincipals()).filter((one) => one.name === `owner of ${name}`)
  const effect: Effect = 'read'
  for (const { name: tool } of tools) {
    const given = { by: owner!.id, upstream: name, tool, effect, traits: [], reason: 'for the suite' }
    await house.rooms.inventory.setEffect(given)
  }
  const person = await house.person('ana', [`${name}/*`])
  const shim = await openShim(await person.connect(name, 'all'))
  t.after(() => shim.close())
  return { house, shim }
}
