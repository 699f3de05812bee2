import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { test, type TestContext } from 'node:test'
import { openHouse } from '../house.ts'

// What a connection carried before says nothing of what comes by it next.

async function open(t: TestContext) {
  const house = await openHouse(t)
  for (const upstream of ['mux', 'desk']) await house.upstream(upstream, ['get_asset'])
  const client = await house.register()
  const connect = async (name: string) => client.connect((await house.person(name, ['mux/get_asset'])).browser, 'mux')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const sockets = new Set<unknown>()
  const say = (authorization?: string, path = '/mcp/mux') => {
    const headers = { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) }
    return new Promise<number | undefined>((resolve, reject) => {
      const asked = request(house.url + path, { agent, method: 'POST', headers }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode))
      })
      asked.once('socket', (socket) => sockets.add(socket)).once('error', reject)
      asked.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }))
    })
  }
  return { house, client, connect, say, sockets }
}

test('after a good token the same connection takes nothing that is not good by itself', async (t) => {
  const { connect, say, sockets } = await open(t)
  const [ana, ben] = [(await connect('Ana')).access_token, (await connect('Ben')).access_token]
  const [header, , signature] = ana.split('.')
  for (let times = 0; times < 2; times++) assert.equal(await say(`Bearer ${ana}`), 200)
  const bad = {
    'no token': undefined,
    'another signature': `Bearer ${ana.slice(0, -1)}${ana.endsWith('A') ? 'Q' : 'A'}`,
    'the payload of another': `Bearer ${header}.${ben.split('.')[1]}.${signature}`,
    'another scheme': `DPoP ${ana}`,
    'more behind it': `Bearer ${ana} x`,
  }
  for (const [what, authorization] of Object.entries(bad)) assert.equal(await say(authorization), 401, what)
  assert.equal(await say(`Bearer ${ana}`, '/mcp/desk'), 401)
  assert.equal(await say(undefined, `/mcp/mux?access_token=${ana}`), 401)
  for (const token of [ben, ana]) assert.equal(await say(`Bearer ${token}`), 200)
  assert.equal(sockets.size, 1)
})

test('a token that ends, or whose key is replaced, ends on a connection that carried it as well', async (t) => {
  const { house, client, connect, say, sockets } = await open(t)
  const ana = await connect('Ana')
  for (let times = 0; times < 2; times++) assert.equal(await say(`Bearer ${ana.access_token}`), 200)
  await house.rooms.oauth.rotateKeys({ by: 'system', reason: 'it leaked', emergency: true })
  assert.equal(await say(`Bearer ${ana.access_token}`), 401)
  const { access_token: renewed } = await client.refresh(ana.refresh_token)
  for (let times = 0; times < 2; times++) assert.equal(await say(`Bearer ${renewed}`), 200)
  house.clock.pass(301_000)
  assert.equal(await say(`Bearer ${renewed}`), 401)
  assert.equal(sockets.size, 1)
})
