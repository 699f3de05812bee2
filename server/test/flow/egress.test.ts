import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { openDialer, type Dialer, type DialOptions } from '../../src/base/dial.ts'
import { Fault } from '../../src/base/fault.ts'
import { redirectUri } from '../browser.ts'
import { openFakeIdp } from '../fake/idp.ts'
import { openFakeMcpServer } from '../fake/mcp-server.ts'
import { openHouse } from '../house.ts'
import { OAuthClient } from '../oauth-client.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** Listens on an address of loopback, and counts its connections. */
async function listen(t: TestContext, server: Server, { host = '127.0.0.1', port = 0 } = {}) {
  const seen = { connections: 0, port: 0 }
  server.on('connection', () => seen.connections++)
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  seen.port = (server.address() as AddressInfo).port
  t.after(() => {
    if ('closeAllConnections' in server) (server as ReturnType<typeof createServer>).closeAllConnections()
    server.close()
  })
  return seen
}

const saying =
  (text: string): Answer =>
  (_request, response) =>
    response.end(text)

function dial(t: TestContext, options: DialOptions): Dialer {
  const dialer = openDialer(options)
  t.after(() => dialer.close())
  return dialer
}

async function faultOf(run: Promise<unknown>): Promise<Fault> {
  const error = await run.then(
    () => assert.fail('it went through'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof Fault, String(error))
  return error
}

const ask = (dialer: Dialer, upstream: string, origin: string) =>
  dialer.upstream(upstream).request({ origin, path: '/', method: 'GET' })

test('a private address that is named for one upstream is open to no other, nor to what we fetch ourselves', async (t) => {
  const seen = await listen(t, createServer(saying('wiki')))
  const origin = `http://127.0.0.1:${seen.port}`
  const dialer = dial(t, { upstreams: new Map([['wiki', [`127.0.0.1:${seen.port}`]]]) })
  assert.equal(await (await ask(dialer, 'wiki', origin)).body.text(), 'wiki')
  // The connection of `wiki` is still open: it serves nobody else.
  const other = await faultOf(ask(dialer, 'other', origin))
  assert.equal(other.code, 'base.address_refused')
  assert.match(other.detail!, /`egress\.upstreams\.other` does not name it/)
  const own = await faultOf(dialer.fetch(origin))
  assert.match(own.detail!, /`egress\.allowPrivate` does not name it/)
  assert.equal(seen.connections, 1)
})

test('what we may fetch ourselves is open to no upstream', async (t) => {
  const seen = await listen(t, createServer(saying('keys')))
  const dialer = dial(t, { allowPrivate: [`127.0.0.1:${seen.port}`] })
  assert.equal(await (await dialer.fetch(`http://127.0.0.1:${seen.port}`)).text(), 'keys')
  const refused = await faultOf(ask(dialer, 'wiki', `http://127.0.0.1:${seen.port}`))
  assert.equal(refused.code, 'base.address_refused')
  assert.equal(seen.connections, 1)
})

test('the name of an upstream is a name and nothing else', async (t) => {
  const dialer = dial(t, { upstreams: new Map() })
  for (const name of ['constructor', '__proto__', 'get', 'size']) {
    assert.equal((await faultOf(ask(dialer, name, 'http://127.0.0.1:1'))).code, 'base.address_refused')
  }
})

test('whatever the resolver says next, the socket ends at the address that was judged', async (t) => {
  const judged = await listen(t, createServer(saying('judged')), { host: '127.0.0.2' })
  const other = await listen(t, createServer(saying('other')), { port: judged.port })
  const ends: string[] = []
  const note = (message: unknown): void => void ends.push((message as { socket: Socket }).socket.remoteAddress!)
  subscribe('undici:client:connected', note)
  t.after(() => unsubscribe('undici:client:connected', note))
  let asked = 0
  const dialer = dial(t, {
    allowPrivate: [`127.0.0.2:${judged.port}`],
    // Allowed at the first question only; a second one before connecting would lead to the other server.
    lookup: async () => [{ address: asked++ === 0 ? '127.0.0.2' : '127.0.0.1' }],
  })
  assert.equal(await (await dialer.fetch(`http://rebound.example:${judged.port}/`)).text(), 'judged')
  assert.deepEqual(ends, ['127.0.0.2'])
  const again = await faultOf(dialer.fetch(`http://again.example:${judged.port}/`))
  assert.equal(again.code, 'base.address_refused')
  assert.deepEqual([asked, other.connections], [2, 0])
})

test('a hostile resolver is neither waited for nor believed', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const never = dial(t, { lookup: () => new Promise(() => {}) })
  const waiting = faultOf(ask(never, 'wiki', 'https://slow.example'))
  await Promise.resolve()
  t.mock.timers.tick(60_000)
  assert.equal((await waiting).code, 'base.unreachable')
  t.mock.timers.reset()

  const huge = Array.from({ length: 100_000 }, () => ({ address: '203.0.114.1' }))
  const hostile: [string, DialOptions['lookup'] & object, RegExp][] = [
    ['many answers', async () => huge, /has 100000 addresses/],
    ['no answer', async () => [], /has no address/],
    ['another name', async () => [{ address: 'inner.example' }], /not an IP address/],
    ['a public address and another name', async () => [{ address: '1.1.1.1' }, { address: 'x.example' }], /not an IP/],
    ['a public and a private address', async () => [{ address: '1.1.1.1' }, { address: '10.0.0.1' }], /is private/],
    ['a failure', async () => Promise.reject(new Error('SERVFAIL')), /SERVFAIL/],
    ['a failure at once', () => assert.fail('broken'), /broken/],
    ['something else', async () => [{ address: 5 as unknown as string }], /./],
  ]
  for (const [what, lookup, detail] of hostile) {
    const fault = await faultOf(dial(t, { lookup }).fetch('https://hostile.example/'))
    assert.ok(['base.unreachable', 'base.address_refused'].includes(fault.code), what)
    assert.match(String(fault.detail), detail, what)
  }
})

test('with TLS the certificate must be of the name that was dialled, not of what it resolved to', async (t) => {
  const file = (name: string) => readFileSync(new URL(`../fake/pinned/${name}.pem`, import.meta.url), 'utf8')
  const before = getCACertificates()
  setDefaultCACertificates([...before, file('authority')])
  t.after(() => setDefaultCACertificates(before))
  const names: string[] = []
  const server = createTlsServer({ cert: file('certificate'), key: file('key') }, saying('pinned'))
  server.on('secureConnection', (socket) => names.push(String(socket.servername)))
  const { port } = await listen(t, server as unknown as Server)
  const hosts = ['pinned.example', 'other.example', '127.0.0.1'].map((host) => `${host}:${port}`)
  const dialer = dial(t, { allowPrivate: hosts, lookup: async () => [{ address: '127.0.0.1' }] })
  assert.equal(await (await dialer.fetch(`https://pinned.example:${port}/`)).text(), 'pinned')
  assert.deepEqual(names, ['pinned.example'])
  for (const host of ['other.example', '127.0.0.1']) {
    assert.match(
      (await faultOf(dialer.fetch(`https://${host}:${port}/`))).detail!,
      /does not match certificate|altname/i,
    )
  }
  // A header that names the right host changes nothing: the address of the request decides.
  const headers = { host: 'pinned.example' }
  assert.equal((await faultOf(dialer.fetch(`https://other.example:${port}/`, { headers }))).code, 'base.unreachable')
})

test('an upstream that redirects inwards gets its call failed, and nothing inside is asked', async (t) => {
  const inner = await listen(t, createServer(saying('secret')))
  const upstream = await openFakeMcpServer()
  t.after(() => upstream.close())
  const house = await openHouse(t, { reach: [upstream.url, `http://127.0.0.1:${inner.port}`] })
  await house.httpUpstream('notes', upstream.url)
  const agent = await (await house.person('ana', ['notes/*'])).connect('notes', 'all')
  for (const status of [301, 302, 303, 307, 308]) {
    upstream.options.intercept = ({ message }, response) => {
      if (message?.method !== 'tools/call') return false
      response.writeHead(status, { location: `http://127.0.0.1:${inner.port}/` }).end()
      return true
    }
    const answer = await agent.call('echo')
    assert.equal(answer.status, 502, `${status}`)
    assert.doesNotMatch(JSON.stringify(answer.message), /secret/)
  }
  assert.equal(inner.connections, 0)
})

test('in a login, a client document and a call, no socket leaves but by the guard', async (t) => {
  const strangers: string[] = []
  const byGuard: string[] = []
  const fetchOfTheTest = globalThis.fetch
  t.mock.method(globalThis, 'fetch', (...given: Parameters<typeof fetch>) => {
    const caller = new Error().stack!.split('\n').find((line, at) => at > 1 && !line.includes('node:internal'))!
    if (!caller.includes('/server/test/')) strangers.push(caller)
    return fetchOfTheTest(...given)
  })
  const note = (): void => {
    const stack = new Error().stack!
    if (stack.includes('/base/dial/guard.ts')) byGuard.push(stack)
    // The platform's own fetch, which the double above watches.
    else if (!stack.includes('node:internal/deps/undici')) strangers.push(stack)
  }
  subscribe('net.client.socket', note)
  t.after(() => unsubscribe('net.client.socket', note))

  const idp = await openFakeIdp({ id: 'sallyport', secret: 's' }, { sub: 'a-1', name: 'Ana', email: 'a@example.org' })
  const upstream = await openFakeMcpServer()
  t.after(() => Promise.all([idp.close(), upstream.close()]))
  let document = ''
  const documents = createServer((_request, response) =>
    response.setHeader('content-type', 'application/json').end(document),
  )
  const { port } = await listen(t, documents)
  const id = `http://127.0.0.1:${port}/client.json`
  document = JSON.stringify({ client_id: id, client_name: 'Editor', redirect_uris: [redirectUri] })
  const provider = { id: 'idp', name: 'Provider', issuer: idp.issuer, clientId: 'sallyport', clientSecretEnv: 'IDP' }
  const house = await openHouse(t, {
    yaml: `login: ${JSON.stringify({ oidc: [provider] })}`,
    env: { IDP: 's' },
    reach: [idp.issuer, upstream.url, id],
  })
  await house.httpUpstream('notes', upstream.url)
  const browser = house.browser()
  const landed = await browser.follow(await browser.open(`${house.origin}/sign-in`), '/sign-in/with/idp')
  assert.equal(landed.status, 200)
  const ana = await house.person('ana', ['notes/*'])
  const client = new OAuthClient(house, { id })
  assert.match((await ana.browser.open(client.authorizeUrl('notes'))).text, /Editor/)
  const agent = await ana.connect('notes', 'all')
  assert.equal((await agent.call('echo')).status, 200)
  assert.equal(upstream.calls.length, 1)

  assert.deepEqual(strangers, [])
  // To the provider, to the document, to the upstream.
  assert.ok(byGuard.length >= 3, `${byGuard.length}`)
})
