import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { Agent } from './agent.ts'
import { type CutProxy, openCutProxy } from './fake/cut-proxy.ts'
import type { ToolDefinition } from './fake/fake-tools.ts'
import { openHostProxy } from './fake/host-proxy.ts'
import { type FakeMcpServer, openFakeMcpServer } from './fake/mcp-server.ts'
import { type House, openHouse } from './house.ts'
import type { TestPostgres } from './postgres.ts'
import { SteppingClock } from './stepping-clock.ts'

/** Three replicas on one PostgreSQL, one of which can be cut off from it. */
export interface Replicas {
  houses: [House, House, House]
  /** Where each is reached. */
  urls: [string, string, string]
  /** Between the third and the database. */
  cable: CutProxy
  upstream: FakeMcpServer
}

/**
 * Opens them before one upstream, `mux`.
 *
 * @param of.wrongByMs by how much the wall clocks of the second and the third are wrong.
 */
export async function openReplicas(
  t: TestContext,
  of: { postgres: TestPostgres; tools: ToolDefinition[]; wrongByMs?: [number, number] },
): Promise<Replicas> {
  const upstream = await openFakeMcpServer({ tools: of.tools })
  t.after(() => upstream.close())
  const database = new URL(await of.postgres.createDatabase())
  const cable = await openCutProxy(t, Number(database.port))
  const through = new URL(database)
  through.host = `127.0.0.1:${cable.port}`
  const reach = [upstream.url]
  const env = { SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') }
  const one = await openHouse(t, { reach, env, databaseUrl: database.href })
  const other = (databaseUrl: string, wrongByMs = 0) => {
    const clock = new SteppingClock()
    clock.turn(wrongByMs)
    return openHouse(t, { reach, databaseUrl, clock, env: { ...env, SALLYPORT_ORIGIN: one.origin } })
  }
  const two = await other(database.href, of.wrongByMs?.[0])
  const three = await other(through.href, of.wrongByMs?.[1])
  await one.httpUpstream('mux', upstream.url)
  const urls = await Promise.all([one, two, three].map((house) => openHostProxy(t, house)))
  return { houses: [one, two, three], urls: urls as Replicas['urls'], cable, upstream }
}

/** The same client, speaking to another replica. */
export function at(url: string, { upstream, client, resource, tokens }: Agent): Agent {
  return new Agent({ origin: url, upstream, client, resource, tokens })
}
