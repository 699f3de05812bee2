import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Fault } from './fault.ts'
import { clientAddressOf, openListener, readBody } from './listen.ts'
import type { Door, ListenOptions } from './listen.ts'
import { openLog } from './log.ts'
import { inTime } from '../../test/patience.ts'

const echo: Door = {
  name: 'echo',
  match: (path) => path.startsWith('/echo'),
  handle: async (req, res) => {
    const body = await readBody(req, 16)
    const { headers } = req
    res.setHeader('content-type', 'application/json')
    res.end(
      JSON.stringify({ url: req.url, size: body.byteLength, from: clientAddressOf(req), headers, raw: req.rawHeaders }),
    )
  },
}

const failing: Door = {
  name: 'failing',
  match: (path) => path.startsWith('/fail'),
  handle: async (req, res) => {
    if (req.url === '/fail/late') {
      res.write('half')
      throw new Error('hunter2')
    }
    if (req.url === '/fail/fault') throw new Fault('base.busy', 'cannot do <it> now', { detail: 'hunter2' })
    throw new Error('hunter2')
  },
}

async function open(t: TestContext, change: Partial<ListenOptions> = {}) {
  const lines: string[] = []
  const log = openLog({ level: 'debug', write: (line) => void lines.push(line) })
  const hosts = ['gateway.example.com', '127.0.0.1:0', 'localhost:0']
  const base = { host: '127.0.0.1', port: 0, hosts, doors: [echo, failing], log, trustedProxies: [] }
  const listener = await openListener({ ...base, ...change })
  t.after(() => listener.close())
  return { listener, lines, port: listener.port }
}

/** Sends bytes as they are; resolves with all that comes back until the other side closes. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  socket.write(text)
  await inTime(once(socket, 'close'), 'the other side closes')
  return Buffer.concat(chunks).toString()
}

function get(port: number, target: string, more = ''): Promise<string> {
  return raw(port, `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n${more}\r\n`)
}

const statusOf = (answer: string) => Number(answer.split(' ')[1])
const bodyOf = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))

test('a request goes to the first door that matches, with the security headers on its answer', async (t) => {
  const { listener } = await open(t)
  const response = await fetch(`${listener.url}/echo?a=1`)
  assert.equal(((await response.json()) as { url: string }).url, '/echo?a=1')
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
  assert.equal(response.headers.get('referrer-policy'), 'no-referrer')
  assert.equal(response.headers.get('x-frame-options'), 'DENY')
  assert.match(response.headers.get('content-security-policy')!, /default-src 'none'/)
  assert.equal(response.headers.get('strict-transport-security'), null)
})

test('an https origin tells browsers to stay there', async (t) => {
  const { listener } = await open(t, { secure: true })
  const response = await fetch(`${listener.url}/echo`)
  await response.text()
  assert.equal(response.headers.get('strict-transport-security'), 'max-age=31536000')
})

test('an address without a door is not found', async (t) => {
  const { port } = await open(t)
  const answer = await get(port, '/nothing')
  assert.equal(statusOf(answer), 404)
  assert.equal(bodyOf(answer).code, 'base.not_found')
})

test('HEAD is answered without a body where a fault has one, and nobody else is disturbed', async (t) => {
  const { port } = await open(t)
  const head = (target: string, host = `127.0.0.1:${port}`) =>
    raw(port, `HEAD ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  for (const [answer, status] of [
    [await head('/nothing'), 404],
    [await head('/echo', 'evil.example'), 403],
    [await head('/a//b'), 400],
  ] as const) {
    assert.equal(statusOf(answer), status)
    assert.equal(answer.slice(answer.indexOf('\r\n\r\n') + 4), '')
    assert.match(answer, /content-length: [1-9]/i)
  }
  assert.equal(statusOf(await get(port, '/echo')), 200)
})

const foreignHosts = [
  'evil.example',
  'evil.example:PORT',
  '127.0.0.1',
  '127.0.0.1:1',
  '127.0.0.1:PORT.evil.example',
  'gateway.example.com:PORT',
  'gateway.example.com.',
  'gateway.example.com#x',
  'gateway.example.com/x',
  'user@gateway.example.com',
  'gateway.example.com, evil.example',
  '0.0.0.0:PORT',
  '[::ffff:127.0.0.1]:PORT',
  '2130706433:PORT',
  '',
]

for (const host of foreignHosts) {
  test(`the host \`${host}\` is refused`, async (t) => {
    const { port } = await open(t)
    const name = host.replace('PORT', String(port))
    const answer = await raw(port, `GET /echo HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`)
    assert.equal(statusOf(answer), 403, answer)
    assert.equal(bodyOf(answer).code, 'base.host_refused')
  })
}

test('the public origin and loopback with our port are answered, in any case of letters', async (t) => {
  const { port } = await open(t)
  for (const host of ['gateway.example.com', 'Gateway.Example.COM', `localhost:${port}`, `127.0.0.1:${port}`]) {
    const answer = await raw(port, `GET /echo HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    assert.equal(statusOf(answer), 200, host)
  }
})

const twistedTargets = [
  '//echo',
  '/echo//x',
  '/echo/../fail',
  '/echo/./x',
  '/echo/..',
  '/echo/.',
  '/echo/%2e%2e/fail',
  '/echo/%2E./fail',
  '/echo%2ffail',
  '/echo%2Ffail',
  '/echo%5cfail',
  '/echo\\fail',
  '/echo%00',
  '/echo%0d%0aX:y',
  '/echo%',
  '/echo%zz',
  '/echo#x',
  '/echo?a#x',
  '/echo"',
  '/echo<x>',
  '/echo|',
  '/echo^',
  'http://127.0.0.1/echo',
  'http://evil.example/echo',
  'echo',
  '*',
]

for (const target of twistedTargets) {
  test(`the address \`${target}\` is refused before any door sees it`, async (t) => {
    const { port } = await open(t)
    const answer = await get(port, target)
    assert.equal(statusOf(answer), 400, answer)
  })
}

test('an address that is too long is refused', async (t) => {
  const { port } = await open(t)
  assert.equal(statusOf(await get(port, `/echo?${'x'.repeat(9_000)}`)), 414)
})

const smuggled: [string, string][] = [
  ['two lengths', 'Content-Length: 1\r\nContent-Length: 2\r\n'],
  ['a length and chunks', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n'],
  ['an unknown transfer coding', 'Transfer-Encoding: chunked, identity\r\n'],
  ['a length that is no number', 'Content-Length: +1\r\n'],
  ['a folded header', 'X-A: b\r\n c: d\r\n'],
  ['a space before the colon', 'X-A : b\r\n'],
  ['a bare line feed', 'X-A: b\nX-B: c\r\n'],
  ['a nul in a header', 'X-A: b\u0000c\r\n'],
  ['two hosts', 'Host: evil.example\r\n'],
  ['two authorizations', 'Authorization: a\r\nAuthorization: b\r\n'],
  ['two content types', 'Content-Type: a/b\r\nContent-Type: c/d\r\n'],
]

for (const [what, headers] of smuggled) {
  test(`a request with ${what} is refused`, async (t) => {
    const { port } = await open(t)
    const answer = await raw(
      port,
      `POST /echo HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n${headers}\r\nx`,
    )
    assert.equal(statusOf(answer), 400, answer)
  })
}

test('headers of more than 16 KiB are refused', async (t) => {
  const { port } = await open(t)
  assert.equal(statusOf(await get(port, '/echo', `X-A: ${'a'.repeat(17_000)}\r\n`)), 431)
})

test('a request without a host is refused', async (t) => {
  const { port } = await open(t)
  assert.equal(statusOf(await raw(port, 'GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n')), 400)
  assert.equal(statusOf(await raw(port, 'GET /echo HTTP/1.0\r\n\r\n')), 403)
})

const forwarding =
  'X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\n'

test('forwarding headers of strangers are ignored, and no door sees them', async (t) => {
  const { port } = await open(t)
  const seen = bodyOf(await get(port, '/echo', forwarding))
  assert.equal(seen.from, '127.0.0.1')
  assert.doesNotMatch(JSON.stringify([seen.headers, seen.raw]), /forwarded|x-real-ip|203\.0\.113|1\.2\.3\.4/i)
})

test('a named proxy says who the client is, and nothing else', async (t) => {
  const { port } = await open(t, { trustedProxies: ['127.0.0.0/8', '10.0.0.1'] })
  const seen = bodyOf(await get(port, '/echo', forwarding))
  assert.equal(seen.from, '203.0.113.9')
  assert.doesNotMatch(JSON.stringify([seen.headers, seen.raw]), /forwarded|evil/i)
})

const chains: [string, string][] = [
  ['1.1.1.1, 203.0.113.9', '203.0.113.9'],
  ['1.1.1.1, 203.0.113.9, 10.0.0.1', '203.0.113.9'],
  ['1.1.1.1, unknown, 10.0.0.1', '10.0.0.1'],
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['2001:db8::1', '2001:db8::1'],
  ['', '127.0.0.1'],
  ['0x7f.1', '127.0.0.1'],
]

for (const [chain, expected] of chains) {
  test(`the client behind \`${chain}\` is ${expected}`, async (t) => {
    const { port } = await open(t, { trustedProxies: ['127.0.0.1', '10.0.0.1'] })
    assert.equal(bodyOf(await get(port, '/echo', `X-Forwarded-For: ${chain}\r\n`)).from, expected)
  })
}

test('a failure inside says nothing of what failed, and the log says all', async (t) => {
  const { port, lines } = await open(t)
  const answer = await get(port, '/fail')
  assert.equal(statusOf(answer), 500)
  assert.deepEqual(bodyOf(answer), { code: 'base.internal', message: 'something failed inside: the log says what' })
  const line = JSON.parse(lines.at(-1)!)
  assert.equal(line.error.message, 'hunter2')
  assert.equal(line.door, 'failing')
})

test('a fault is JSON for programs and a page for browsers, without its detail', async (t) => {
  const { port } = await open(t)
  const json = await get(port, '/fail/fault')
  assert.equal(statusOf(json), 503)
  assert.deepEqual(bodyOf(json), { code: 'base.busy', message: 'cannot do <it> now' })
  const browser = await get(port, '/fail/fault', 'Accept: text/html,*/*;q=0.8\r\n')
  assert.equal(statusOf(browser), 503)
  assert.match(browser, /Cannot do &lt;it&gt; now\./)
  assert.doesNotMatch(json + browser, /hunter2/)
})

test('a failure after the answer began cuts the connection', async (t) => {
  const { port } = await open(t)
  const answer = await get(port, '/fail/late')
  assert.doesNotMatch(answer, /hunter2|\r\n0\r\n/)
})

test('a body over the limit is refused, announced or not', async (t) => {
  const { port } = await open(t)
  const head = `POST /echo HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`
  assert.equal(statusOf(await raw(port, `${head}Content-Length: 17\r\n\r\n`)), 413)
  assert.equal(statusOf(await raw(port, `${head}Transfer-Encoding: chunked\r\n\r\n11\r\n${'x'.repeat(17)}\r\n`)), 413)
  const exact = await raw(port, `${head}Connection: close\r\nContent-Length: 16\r\n\r\n${'x'.repeat(16)}`)
  assert.equal(bodyOf(exact).size, 16)
})

test('a compressed body is refused', async (t) => {
  const { port } = await open(t)
  const answer = await raw(
    port,
    `POST /echo HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx`,
  )
  assert.equal(statusOf(answer), 415)
})

test('a second listener on the port says so in one line', async (t) => {
  const { port } = await open(t)
  await assert.rejects(open(t, { port }), {
    code: 'base.cannot_listen',
    message: `cannot listen on 127.0.0.1:${port}: another program (perhaps a second Sallyport) uses it; stop it or set \`listen\``,
  })
})

test('TLS files that cannot be used are named', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'listen-'))
  const certFile = join(folder, 'cert.pem')
  writeFileSync(certFile, 'not a certificate')
  for (const tls of [
    { certFile, keyFile: certFile },
    { certFile: join(folder, 'none.pem'), keyFile: certFile },
  ]) {
    await assert.rejects(open(t, { tls }), (error: Fault) => {
      assert.equal(error.code, 'config.invalid')
      return error.message.includes(tls.certFile)
    })
  }
})

test('closing lets an answer under way end, and takes no new connection', async () => {
  const started = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const slow: Door = {
    name: 'slow',
    match: () => true,
    handle: async (_req, res) => {
      started.resolve()
      await release.promise
      res.end('done')
    },
  }
  const log = openLog({ level: 'error', write: () => {} })
  const options = { host: '127.0.0.1', port: 0, hosts: ['127.0.0.1:0'], doors: [slow], log, trustedProxies: [] }
  const listener = await openListener(options)
  const answer = get(listener.port, '/')
  await started.promise
  const closed = listener.close()
  await assert.rejects(fetch(listener.url))
  release.resolve()
  await closed
  assert.match(await answer, /done/)
})
