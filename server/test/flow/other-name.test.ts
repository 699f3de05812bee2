import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { openHouse } from '../house.ts'

// Tokens, cookies and metadata belong to one address. `localhost` is the name that people type.

function ask(origin: string, of: { method: string; path: string; host: string }) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number
    location: string | undefined
    text: string
  }>()
  const { port } = new URL(origin)
  request(
    { host: '127.0.0.1', port, method: of.method, path: of.path, headers: { host: `${of.host}:${port}` } },
    (res) => {
      let text = ''
      res.setEncoding('utf8').on('data', (part: string) => (text += part))
      res.on('end', () => resolve({ status: res.statusCode!, location: res.headers.location, text }))
    },
  )
    .on('error', reject)
    .end()
  return promise
}

for (const host of ['localhost', '[::1]', 'LOCALHOST']) {
  test(`a page asked of ${host} is shown at the origin, and a call is told its address`, async (t) => {
    const { origin } = await openHouse(t)
    for (const path of ['/sign-in?return_to=/x', '/', '/.well-known/oauth-protected-resource/mcp/memory']) {
      const page = await ask(origin, { method: 'GET', path, host })
      assert.deepEqual([page.status, page.location], [307, origin + path])
    }
    for (const path of ['/mcp/memory', '/oauth/token', '/oauth/register']) {
      const call = await ask(origin, { method: 'POST', path, host })
      assert.equal(call.status, 421)
      assert.ok(call.text.includes(origin) && call.text.includes('base.other_name'), call.text)
    }
  })
}

test('the origin itself answers, and a name that is not of this machine is refused as before', async (t) => {
  const { origin } = await openHouse(t)
  assert.equal((await ask(origin, { method: 'GET', path: '/sign-in', host: '127.0.0.1' })).status, 200)
  assert.equal((await ask(origin, { method: 'GET', path: '/sign-in', host: 'localhost.evil.example' })).status, 403)
})
