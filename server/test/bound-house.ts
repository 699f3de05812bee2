import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { toolNamed } from './fake/fake-tools.ts'
import { openFakeMcpServer } from './fake/mcp-server.ts'
import { type HouseOptions, openHouse } from './house.ts'
import { Prover } from './prover.ts'

/** The call that is made in tests of tokens that are bound to a key. */
export const readNote = { method: 'tools/call', params: { name: 'read_note' } }

/** A house with the upstream `notes`, and a client of Ana that holds a key. */
export async function openBoundHouse(t: TestContext, options: HouseOptions = {}) {
  const upstream = await openFakeMcpServer({ tools: [toolNamed('read_note')] })
  t.after(() => upstream.close())
  const house = await openHouse(t, { ...options, reach: [upstream.url, ...(options.reach ?? [])] })
  await house.httpUpstream('notes', upstream.url)
  const ana = await house.person('ana', ['notes/*'])
  const client = await house.register()
  const prover = await Prover.make()
  const code = async (of = client) => (await of.authorize(ana.browser, 'notes')).get('code')
  const connect = async (of = client) => {
    const tokens = await prover.redeem(of, await code(of))
    assert.equal(tokens.status, 200, JSON.stringify(tokens))
    return tokens
  }
  return { house, upstream, ana, client, code, prover, connect, door: `${house.origin}/mcp/notes` }
}
