import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { kindOf, readHost, refusalOf } from './dial/address.ts'
import { openDialer } from './dial.ts'
import type { Dialer, Lookup } from './dial.ts'
import { Fault } from './fault.ts'

type Answer = (req: IncomingMessage, res: ServerResponse) => void

/** A server on loopback that counts its connections. */
async function serve(t: TestContext, answer: Answer = (_req, res) => res.end('here')) {
  const server = createServer(answer)
  const seen = { connections: 0 }
  server.on('connection', () => seen.connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { seen, port: (server.address() as AddressInfo).port }
}

/** A dialer whose `fetch`, and whose upstream `wiki`, may reach these. */
function dial(t: TestContext, allowPrivate: string[], lookup?: Lookup): Dialer {
  const upstreams = new Map([['wiki', allowPrivate]])
  const dialer = openDialer({ allowPrivate, upstreams, ...(lookup && { lookup }) })
  t.after(() => dialer.close())
  return dialer
}

/** The code of the fault that a fetch ends in. */
async function codeOf(run: Promise<unknown>): Promise<string> {
  try {
    await run
  } catch (error) {
    assert.ok(error instanceof Fault, String(error))
    return error.code
  }
  return assert.fail('it went through')
}

const answersWith =
  (...addresses: string[]): Lookup =>
  () =>
    Promise.resolve(addresses.map((address) => ({ address })))

// Hosts as URLs spell them, each with what becomes of it.
const corpus = readFileSync(new URL('../../test/corpus/egress.tsv', import.meta.url), 'utf8')
const rows = corpus
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split('\t') as [verdict: string, host: string, why: string])
const refusedHosts = rows.filter(([verdict]) => verdict === 'refused').map(([, host]) => host)
const literals = refusedHosts
  .map((host) => host.replaceAll(/[[\]]/g, ''))
  .filter((host) => ipaddr.IPv4.isValidFourPartDecimal(host) || ipaddr.IPv6.isValid(host))

test('the corpus has more than 400 hosts, no host twice', () => {
  assert.ok(rows.length > 400, `${rows.length}`)
  assert.ok(literals.length > 180, `${literals.length} addresses that a resolver may answer`)
  assert.equal(new Set(rows.map(([, host]) => host)).size, rows.length)
})

test('every host of the corpus that is allowed is an address that is public, or the name that it stands for', () => {
  const open = { setting: 'egress.allowPrivate', entries: [] }
  for (const [verdict, host] of rows.filter(([first]) => first !== 'refused')) {
    const url = new URL(new Request(`https://${host}/`).url)
    const read = readHost(url.hostname)
    if (verdict === 'public') {
      assert.ok(typeof read !== 'string' && 'address' in read, host)
      assert.equal(refusalOf(read.address, { protocol: 'https:', hostname: host, port: 443 }, open), undefined)
      const plain = refusalOf(read.address, { protocol: 'http:', hostname: host, port: 80 }, open)
      assert.match(plain ?? '', /plain http/, host)
    } else {
      assert.deepEqual(read, { name: verdict.replace('name=', '') }, host)
    }
  }
})

test('no special-use address and no other spelling of one is ever connected to', async (t) => {
  const lookup: Lookup = (name) => assert.fail(`\`${name}\` went to the resolver`)
  const dialer = dial(t, [], lookup)
  for (const host of refusedHosts) {
    for (const url of [`https://${host}/`, `https://${host}:8443/x`, `http://${host}/`]) {
      assert.equal(await codeOf(dialer.fetch(url)), 'base.address_refused', url)
    }
  }
})

test('no special-use address that a resolver answers is ever connected to', async (t) => {
  for (const host of literals) {
    const dialer = dial(t, [], answersWith(host))
    assert.equal(await codeOf(dialer.fetch('https://rebound.example/')), 'base.address_refused', host)
  }
})

test('one special-use address among public ones refuses them all', async (t) => {
  const { seen, port } = await serve(t)
  for (const answers of [
    ['203.0.114.1', '127.0.0.1'],
    ['127.0.0.1', '203.0.114.1'],
    ['2606:4700::1', '203.0.114.1', '::ffff:127.0.0.1'],
  ]) {
    const dialer = dial(t, [], answersWith(...answers))
    assert.equal(await codeOf(dialer.fetch(`https://mixed.example:${port}/`)), 'base.address_refused')
  }
  assert.equal(seen.connections, 0)
})

test('a resolver that changes its answer is asked once for each connection, and each answer is judged', async (t) => {
  const { seen, port } = await serve(t, (_req, res) => res.setHeader('connection', 'close').end('here'))
  let asked = 0
  // First the allowed address; from then on one that is not: a second question for the first connection would show.
  const lookup: Lookup = () => Promise.resolve([{ address: asked++ === 0 ? '127.0.0.1' : '169.254.169.254' }])
  const dialer = dial(t, [`rebound.example:${port}`], lookup)
  assert.equal(await (await dialer.fetch(`http://rebound.example:${port}/`)).text(), 'here')
  assert.deepEqual([asked, seen.connections], [1, 1])
  assert.equal(await codeOf(dialer.fetch(`http://rebound.example:${port}/`)), 'base.address_refused')
  assert.deepEqual([asked, seen.connections], [2, 1])
})

const strangeAnswers: [string, string[]][] = [
  ['no address', []],
  ['a name', ['localhost']],
  ['a short address', ['127.1']],
  ['an octal address', ['0177.0.0.1']],
  ['an address with a zone', ['fe80::1%lo']],
  ['an address with a port', ['127.0.0.1:80']],
  ['nothing', ['']],
]

for (const [what, answers] of strangeAnswers) {
  test(`a resolver that answers with ${what} reaches nothing`, async (t) => {
    const code = await codeOf(dial(t, [], answersWith(...answers)).fetch('https://strange.example/'))
    assert.ok(['base.address_refused', 'base.unreachable'].includes(code), code)
  })
}

test('hosts that are no names are refused before the resolver is asked', async (t) => {
  const dialer = dial(t, [], (name) => assert.fail(name))
  for (const host of [
    'a..b',
    '-a.example',
    'a_b.1',
    'example.com.',
    'a.0x1',
    `${'a'.repeat(64)}.example`,
    'a%2fb',
    'fe80::1%25lo',
  ]) {
    assert.equal(await codeOf(dialer.fetch(`https://${host}/`)), 'base.address_refused', host)
  }
})

test('addresses with credentials, of other schemes or of none are refused', async (t) => {
  const dialer = dial(t, ['127.0.0.1:80'])
  const urls = [
    'https://me:pw@example.com/',
    'ftp://example.com/',
    'file:///etc/passwd',
    'data:,x',
    'ws://example.com/',
    '/x',
    '',
  ]
  for (const url of urls) {
    const code = await codeOf(dialer.fetch(url))
    assert.ok(['base.address_refused', 'base.unreachable'].includes(code), url)
  }
})

test('plain http reaches no public address, whatever configuration says', async (t) => {
  const dialer = dial(t, ['public.example:80', '203.0.114.0/24:80'], answersWith('203.0.114.1'))
  assert.equal(await codeOf(dialer.fetch('http://public.example/')), 'base.address_refused')
  assert.equal(await codeOf(dialer.fetch('http://203.0.114.1/')), 'base.address_refused')
})

test('what configuration names is reached, on its port only', async (t) => {
  const { seen, port } = await serve(t)
  const other = await serve(t)
  for (const entry of ['127.0.0.1', '127.0.0.0/8']) {
    const dialer = dial(t, [`${entry}:${port}`])
    assert.equal(await (await dialer.fetch(`http://127.0.0.1:${port}/`)).text(), 'here')
    assert.equal(await codeOf(dialer.fetch(`http://127.0.0.1:${other.port}/`)), 'base.address_refused')
  }
  assert.deepEqual([seen.connections, other.seen.connections], [2, 0])
})

test('a name that configuration allows may be private but not link-local, and no other name may', async (t) => {
  const { port } = await serve(t)
  const entry = [`wiki.internal:${port}`]
  const reached = await dial(t, entry, answersWith('127.0.0.1')).fetch(`http://WIKI.internal:${port}/`)
  assert.equal(await reached.text(), 'here')
  for (const address of ['169.254.169.254', 'fe80::1', '0.0.0.0', '224.0.0.1', '::ffff:127.0.0.1', '64:ff9b::7f00:1']) {
    const dialer = dial(t, entry, answersWith(address))
    assert.equal(await codeOf(dialer.fetch(`http://wiki.internal:${port}/`)), 'base.address_refused', address)
  }
  const elsewhere = dial(t, entry, answersWith('127.0.0.1'))
  assert.equal(await codeOf(elsewhere.fetch(`http://other.internal:${port}/`)), 'base.address_refused')
  assert.equal(await codeOf(elsewhere.fetch(`http://127.0.0.1:${port}/`)), 'base.address_refused')
})

test('unspecified and multicast addresses are reached by no configuration', async (t) => {
  const dialer = dial(t, ['0.0.0.0/8:80', '224.0.0.0/8:80', '[ff02::/16]:80'])
  for (const host of ['0.0.0.0', '224.0.0.1', '[ff02::1]']) {
    assert.equal(await codeOf(dialer.fetch(`http://${host}/`)), 'base.address_refused', host)
  }
})

for (const entry of [
  '127.0.0.1',
  '*:80',
  '0.0.0.0/0:80',
  '[::]/0:80',
  '10.0.0.0/33:80',
  'a b:80',
  'x:0',
  'x:65536',
  '0x7f.1:80',
  '::1:80',
  '',
]) {
  test(`the entry \`${entry}\` of allowPrivate is refused at once`, () => {
    assert.throws(() => openDialer({ allowPrivate: [entry] }), { code: 'config.invalid' })
  })
}

test('the dispatcher for upstreams is guarded in the same way', async (t) => {
  const { seen, port } = await serve(t)
  const dialer = dial(t, [])
  for (const origin of [`http://127.0.0.1:${port}`, `http://2130706433:${port}`, `http://[::ffff:127.0.0.1]:${port}`]) {
    await assert.rejects(dialer.upstream('wiki').request({ origin, path: '/', method: 'GET' }), {
      code: 'base.address_refused',
    })
  }
  assert.equal(seen.connections, 0)
  const allowed = dial(t, [`127.0.0.1:${port}`])
  const answer = await allowed
    .upstream('wiki')
    .request({ origin: `http://127.0.0.1:${port}`, path: '/', method: 'GET' })
  assert.equal(await answer.body.text(), 'here')
})

test('the dispatcher keeps connections, and sends one request at a time on each', async (t) => {
  const underWay = new Set<unknown>()
  let doubled = 0
  const { seen, port } = await serve(t, (req, res) => {
    if (underWay.has(req.socket)) doubled++
    underWay.add(req.socket)
    setImmediate(() => {
      underWay.delete(req.socket)
      res.end('here')
    })
  })
  const wiki = dial(t, [`127.0.0.1:${port}`]).upstream('wiki')
  const ask = async () => {
    const answer = await wiki.request({
      origin: `http://127.0.0.1:${port}`,
      path: '/',
      method: 'POST',
      body: '{}',
    })
    return answer.body.text()
  }
  for (let i = 0; i < 10; i++) await Promise.all([ask(), ask(), ask()])
  assert.equal(doubled, 0)
  assert.ok(seen.connections < 10, `${seen.connections} connections for 30 requests`)
})

test('a redirect is returned and not followed', async (t) => {
  const inner = await serve(t)
  const { port } = await serve(t, (_req, res) =>
    res.writeHead(302, { location: `http://127.0.0.1:${inner.port}/` }).end(),
  )
  const dialer = dial(t, ['127.0.0.0/8:1', `127.0.0.1:${port}`, `127.0.0.1:${inner.port}`])
  const answer = await dialer.fetch(`http://127.0.0.1:${port}/`, { redirect: 'follow' })
  assert.equal(answer.status, 302)
  assert.equal(await codeOf(dialer.fetch(`http://127.0.0.1:${port}/`, { redirect: 'error' })), 'base.unreachable')
  assert.equal(inner.seen.connections, 0)
})

test('an answer over the size is refused, announced or not', async (t) => {
  const { port } = await serve(t, (req, res) => {
    if (req.url === '/announced') res.setHeader('content-length', 101)
    res.write('x'.repeat(req.url === '/exact' ? 100 : 101))
    res.end()
  })
  const dialer = dial(t, [`127.0.0.1:${port}`])
  const caps = { bytesMax: 100 }
  assert.equal((await (await dialer.fetch(`http://127.0.0.1:${port}/exact`, {}, caps)).text()).length, 100)
  assert.equal(await codeOf(dialer.fetch(`http://127.0.0.1:${port}/announced`, {}, caps)), 'base.too_large')
  assert.equal(await codeOf(dialer.fetch(`http://127.0.0.1:${port}/chunked`, {}, caps)), 'base.too_large')
})

test('an answer that never ends, or never begins, is given up', async (t) => {
  const { port } = await serve(t, (req, res) => {
    if (req.url === '/begins') res.write('x')
  })
  const dialer = dial(t, [`127.0.0.1:${port}`])
  for (const path of ['/begins', '/never']) {
    assert.equal(await codeOf(dialer.fetch(`http://127.0.0.1:${port}${path}`, {}, { timeoutMs: 50 })), 'base.timed_out')
  }
})

test('a caller can give up, and gets its own reason back', async (t) => {
  const { port } = await serve(t, () => {})
  const reason = new Error('enough')
  const run = dial(t, [`127.0.0.1:${port}`]).fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.abort(reason) })
  await assert.rejects(run, reason)
})

test('a compressed answer is refused', async (t) => {
  const { port } = await serve(t, (_req, res) => res.setHeader('content-encoding', 'gzip').end('bomb'))
  assert.equal(await codeOf(dial(t, [`127.0.0.1:${port}`]).fetch(`http://127.0.0.1:${port}/`)), 'base.unreachable')
})

test('a fetch sends what was asked for, and the host of its address', async (t) => {
  const { port } = await serve(t, (req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => res.end(JSON.stringify([req.method, req.url, req.headers, Buffer.concat(chunks).toString()])))
  })
  const answer = await dial(t, [`127.0.0.1:${port}`]).fetch(new URL(`http://127.0.0.1:${port}/token?x=1`), {
    method: 'POST',
    headers: { host: 'evil.example', authorization: 'Basic eA==' },
    body: new URLSearchParams({ grant_type: 'a b' }),
  })
  const [method, url, headers, body] = JSON.parse(await answer.text())
  assert.deepEqual([method, url, body], ['POST', '/token?x=1', 'grant_type=a+b'])
  assert.equal(headers.host, `127.0.0.1:${port}`)
  assert.equal(headers.authorization, 'Basic eA==')
  assert.match(headers['content-type'], /^application\/x-www-form-urlencoded/)
})

test('what a name resolved to stays out of the message for the caller', async (t) => {
  const run = dial(t, [], answersWith('10.1.2.3')).fetch('https://internal.example/')
  await assert.rejects(run, (error: Fault) => {
    assert.doesNotMatch(error.message, /10\.1\.2\.3|private/)
    assert.match(error.detail!, /10\.1\.2\.3 is private/)
    return true
  })
})

test('every address that embeds a forbidden IPv4 address is forbidden', () => {
  const private4 = fc.constantFrom<number[][]>(
    [127, 0, 0, 1],
    [10, 1, 2, 3],
    [169, 254, 169, 254],
    [192, 168, 0, 1],
    [0, 0, 0, 0],
  )
  const embeddings: ((a: number[]) => string)[] = [
    (a) => `::ffff:${a.join('.')}`,
    (a) => `::${a.join('.')}`,
    (a) => `::ffff:0:${a.join('.')}`,
    (a) => `64:ff9b::${a.join('.')}`,
    (a) => `64:ff9b:1::${a.join('.')}`,
    (a) => `2002:${words(a)}::1`,
    (a) => `2001:0:${words(a)}::`,
  ]
  fc.assert(
    fc.property(private4, fc.constantFrom(...embeddings), (address, embed) => {
      assert.notEqual(kindOf(ipaddr.parse(embed(address))), 'public', embed(address))
    }),
  )
})

test('ordinary public addresses are public', () => {
  for (const address of [
    '1.1.1.1',
    '8.8.8.8',
    '203.0.114.1',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1',
    '2a00:1450::1',
  ]) {
    assert.equal(kindOf(ipaddr.parse(address)), 'public', address)
  }
})

function words([a = 0, b = 0, c = 0, d = 0]: number[]): string {
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}
