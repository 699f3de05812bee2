import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { bytesOf, readCorpus } from '../corpus/corpus.ts'
import { openHouse } from '../house.ts'
import { OAuthClient } from '../oauth-client.ts'

// Every row of the corpus of redirect addresses, at every place where a client can bring one.

interface Row {
  judged: string
  asked: string
  uri: string
  why: string
}

const rows: Row[] = readCorpus('redirects').map(([judged, asked, uri, why]) => {
  return { judged: judged!, asked: asked!, uri: bytesOf(uri!).toString(), why: `${uri}: ${why}` }
})
// A number of authorizations in a minute is all that one network may begin.
const minuteEvery = 100

async function ask(
  client: OAuthClient,
  { uri, more = {} }: { uri: string; more?: Record<string, string> },
): Promise<{ status: number; location: string | undefined; text: string }> {
  const url = client.authorizeUrl('mux', (params) => {
    for (const [name, value] of Object.entries({ redirect_uri: uri, ...more })) params.set(name, value)
  })
  const answer = await fetch(url, { redirect: 'manual' })
  return { status: answer.status, location: answer.headers.get('location') ?? undefined, text: await answer.text() }
}

test('at registration, an address alone is taken as it stands or refused', async (t) => {
  const house = await openHouse(t, { yaml: 'clients: { registration: { perHourMax: 10000 } }' })
  for (const { judged, uri, why } of rows) {
    const answer = await fetch(`${house.url}/oauth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_name: 'Editor', redirect_uris: [uri], token_endpoint_auth_method: 'none' }),
    })
    const body = (await answer.json()) as { redirect_uris?: string[]; error?: string }
    if (judged === 'refused') assert.deepEqual([answer.status, body.error], [400, 'invalid_redirect_uri'], why)
    else assert.deepEqual([answer.status, body.redirect_uris], [201, [uri]], why)
  }
})

test('in a metadata document, an address is served exactly where registration would have taken it', async (t) => {
  let uris: string[] = []
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    const client_id = `http://${request.headers.host}${request.url}`
    response.end(JSON.stringify({ client_id, client_name: 'Editor', redirect_uris: uris }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close().closeAllConnections())
  const host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const house = await openHouse(t, { reach: [host] })
  await house.upstream('mux', ['get_asset'])
  for (const [at, { judged, uri, why }] of rows.entries()) {
    if (at % minuteEvery === 0) house.clock.pass(60_000)
    uris = [uri]
    const { status, location } = await ask(new OAuthClient(house, { id: `${host}/client/${at}` }), { uri })
    if (judged === 'refused') assert.deepEqual([status, location], [400, undefined], why)
    else assert.match(`${status} ${location}`, /^303 \/consent\//, why)
  }
})

test('an authorization request may name what is registered, a loopback address with any port, and nothing else', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const registered = rows.filter(({ why }) => why.endsWith(': registered')).map(({ uri }) => uri)
  assert.equal(registered.length, 6)
  const client = await house.register({ redirect_uris: registered })
  for (const [at, { asked, uri, why }] of rows.entries()) {
    if (at % (minuteEvery / 2) === 0) house.clock.pass(60_000)
    const plain = await ask(client, { uri })
    // With something more that is wrong, whose error must not travel there either.
    const silent = await ask(client, { uri, more: { prompt: 'none' } })
    if (asked === 'served') {
      assert.match(`${plain.status} ${plain.location}`, /^303 \/consent\//, why)
      assert.ok(silent.location?.startsWith(`${new URL(uri).href}?error=login_required&`), `${why}: ${silent.location}`)
    } else {
      for (const { status, location, text } of [plain, silent]) {
        assert.deepEqual([status, location], [400, undefined], why)
        assert.doesNotMatch(text, /http-equiv|<(?:form|script|iframe|object|base)\b/i, why)
        for (const [, to] of text.matchAll(/(?:href|src)="([^"]*)"/g))
          assert.match(to!, /^(?:[/#]|data:image\/svg)/, why)
      }
    }
  }
})
