import assert from 'node:assert/strict'
import { test } from 'node:test'
import { open as openHandle } from '../../src/store/engine/handle.ts'
import { linkOf } from '../agent.ts'
import { administratorOf, whoIs } from '../administrator.ts'
import { formOf, sentBy } from '../browser.ts'
import { openFakeHouse } from '../fake-house.ts'
import { openHouse, type House } from '../house.ts'
import { OAuthClient } from '../oauth-client.ts'

// What an outsider can ask tells nobody whether something exists: the answers are the same, and so is what they leave behind.

interface Trace {
  status: number
  headers: Record<string, string>
  text: string
  left: Record<string, number>
}

const changing = /^(?:date|set-cookie|content-length|keep-alive|connection|transfer-encoding)$/

/** What the store holds that anybody could count. */
async function countRows({ rooms }: House): Promise<Record<string, number>> {
  const handle = openHandle(rooms.store)
  const rates = await handle.selectFrom('rates').select(['name', 'taken']).execute()
  const entries = await rooms.ledger.listEntries({ after: -1, limit: 1_000 })
  const counts: Record<string, number> = {}
  const add = (name: string, by: number) => (counts[name] = (counts[name] ?? 0) + by)
  for (const { name, taken } of rates) add(`points of ${name}`, taken)
  for (const { entry } of entries) add(`entries of ${entry.kind} ${'reason' in entry ? entry.reason : ''}`, 1)
  for (const table of ['login_attempts', 'sign_ins', 'grants', 'clients', 'spent', 'approvals'] as const)
    add(table, (await handle.selectFrom(table).selectAll().execute()).length)
  return counts
}

async function trace(house: House, name: string, ask: () => Promise<Response>): Promise<Trace> {
  const before = await countRows(house)
  const answer = await ask()
  const text = (await answer.text()).replaceAll(name, '⟨name⟩').replaceAll(/name="csrf" value="[^"]*"/g, '')
  const after = await countRows(house)
  const left = Object.fromEntries(Object.keys(after).map((key) => [key, after[key]! - (before[key] ?? 0)]))
  const headers = Object.fromEntries([...answer.headers].filter(([header]) => !changing.test(header)))
  const told = JSON.parse(JSON.stringify(headers).replaceAll(name, '⟨name⟩')) as Record<string, string>
  return {
    status: answer.status,
    headers: told,
    text,
    left: Object.fromEntries(Object.entries(left).filter(([, by]) => by !== 0)),
  }
}

/** Demands that the same is answered, and left behind, for what exists and for what does not. */
async function alike(
  house: House,
  what: string,
  { names, ask }: { names: [string, ...string[]]; ask(name: string): Promise<Response> },
): Promise<Trace> {
  const traces: Trace[] = []
  for (const name of names) {
    await openHandle(house.rooms.store).deleteFrom('rates').execute()
    traces.push(await trace(house, name, () => ask(name)))
  }
  for (const [at, one] of traces.entries()) assert.deepEqual(one, traces[0], `${what}: ${names[at]} beside ${names[0]}`)
  return traces[0]!
}

/** Somebody with a login of this name. */
async function join(house: House, by: string, login: string): Promise<string> {
  const { url } = await house.rooms.identity.invite({ by, name: 'Bo', rights: [] })
  const browser = house.browser()
  await browser.submit(await browser.open(url), { name: 'Bo', login, password: 'correct horse battery' })
  return (await whoIs(house, browser))!.principal.id
}

test('who has a login here, active or not, cannot be told from a wrong password or a wrong recovery code', async (t) => {
  const house = await openHouse(t)
  const by = (await whoIs(house, await administratorOf(house)))!.principal.id
  await join(house, by, 'login-of-ana')
  const bo = await join(house, by, 'login-of-bo')
  await house.rooms.identity.disablePrincipal({ by, id: bo, reason: 'left the company' })
  const send = (path: string, fields: Record<string, string>) => async (login: string) => {
    const browser = house.browser()
    const page = await browser.open(path)
    const body = sentBy(formOf(page, path))
    for (const [name, value] of Object.entries({ ...fields, login })) body.set(name, value)
    const { status, headers, text } = await browser.post(new URL(path, house.url), body, {
      site: 'same-origin',
      origin: house.origin,
    })
    return new Response(text, { status, headers })
  }
  const names: [string, ...string[]] = ['login-of-ana', 'login-of-bo', 'login-of-nobody', 'LOGIN-OF-NOBODY', '000000']
  const signIn = await alike(house, 'sign-in', { names, ask: send('/sign-in', { password: 'not it at all' }) })
  assert.equal(signIn.status, 401)
  const fields = { password: 'not it at all', code: 'AAAA-AAAA-AAAA-AAAA' }
  await alike(house, 'recovery', { names, ask: send('/sign-in/recovery', fields) })
})

test('which upstreams there are, and in which state, is told to nobody without a right', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  await house.httpUpstream('suspended', fake.url)
  await house.rooms.inventory.stepUpstream({ by: 'set-up', name: 'suspended', to: 'suspended', reason: 'for a test' })
  const owner = await house.person('owner')
  const proposal = { name: 'proposed', launch: { kind: 'http' as const, url: fake.url }, purpose: 'to be hidden' }
  await house.rooms.inventory.proposeUpstream({
    ...proposal,
    by: owner.principal.id,
    ownerId: owner.principal.id,
    reason: 'for a test',
  })
  const ana = await house.person('ana', ['desk/read_note'])
  const { agent } = { agent: await ana.connect('desk') }
  const names: [string, ...string[]] = ['never', 'suspended', 'proposed']
  const post = (name: string, headers: Record<string, string> = {}) =>
    fetch(`${house.url}/mcp/${name}`, { method: 'POST', headers, body: '{}' })
  await alike(house, 'the MCP door without a token', { names: [...names, 'desk'], ask: (name) => post(name) })
  const authorization = `Bearer ${agent.tokens.access_token}`
  await alike(house, 'the MCP door with another token', { names, ask: (name) => post(name, { authorization }) })
  const document = (name: string) => fetch(`${house.url}/.well-known/oauth-protected-resource/mcp/${name}`)
  assert.equal((await alike(house, 'the metadata', { names, ask: document })).status, 404)
  const { key } = await house.rooms.identity.makeOperatorKey({ principal: ana.principal, label: 'test' })
  const api = (path: string) => fetch(`${house.url}/api/v1${path}`, { headers: { authorization: `Bearer ${key}` } })
  const shown = await alike(house, 'the control API', { names, ask: (name) => api(`/upstreams/${name}`) })
  assert.equal(shown.status, 404)
  const client = await house.register()
  const ask = (name: string) => fetch(client.authorizeUrl(name), { redirect: 'manual' })
  assert.match((await alike(house, 'an authorization', { names, ask })).headers['location']!, /error=invalid_target/)
})

test('which clients, grants, requests and approvals of others there are cannot be told from guesses', async (t) => {
  const { house } = await openFakeHouse(t)
  const [ana, mallory] = [await house.person('ana', ['desk/*']), await house.person('mallory')]
  const agent = await ana.connect('desk', 'all')
  const held = linkOf(await agent.call('delete_note', { id: 'n1' }))
    .split('/')
    .at(-1)!
  const gone = await house.register()
  await house.rooms.oauth.revokeClient({ by: 'set-up', id: gone.id, reason: 'for a test' })
  const authorize = (id: string) => fetch(new OAuthClient(house, { id }).authorizeUrl('desk'), { redirect: 'manual' })
  await alike(house, 'a revoked client', { names: [gone.id, 'x'.repeat(gone.id.length)], ask: authorize })
  const confidential = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
  const token = (client_id: string) => {
    const body = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: 'x',
      client_id,
      client_secret: 'guess',
    })
    return fetch(`${house.url}/oauth/token`, { method: 'POST', body })
  }
  const ids: [string, ...string[]] = [confidential.id, gone.id, 'x'.repeat(gone.id.length)]
  assert.equal((await alike(house, 'the secret of a client', { names: ids, ask: token })).status, 401)
  const { key } = await house.rooms.identity.makeOperatorKey({ principal: mallory.principal, label: 'test' })
  const api = (path: (id: string) => string, body?: object) => (id: string) =>
    fetch(`${house.url}/api/v1${path(id)}`, {
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    })
  const unknown = '00000000-0000-7000-8000-000000000000'
  await alike(house, 'an approval', { names: [held, unknown], ask: api((id) => `/approvals/${id}`) })
  const answer = api((id) => `/approvals/${id}/answer`, { answer: 'approve', reason: 'a guess' })
  await alike(house, 'to answer an approval', { names: [held, unknown], ask: answer })
  const revoke = api((id) => `/grants/${id}/revoke`, { reason: 'a guess' })
  await alike(house, 'to revoke a grant', { names: [agent.grantId, unknown], ask: revoke })
  assert.equal((await house.rooms.oauth.findGrant(agent.grantId))?.revokedAt, undefined)
  const waiting = (await ana.browser.open((await house.register()).authorizeUrl('desk'))).url.pathname
    .split('/')
    .at(-1)!
  const cookie = mallory.browser.cookieFor(new URL(house.url))
  const consent = (uid: string) => fetch(`${house.url}/consent/${uid}`, { headers: { cookie } })
  await alike(house, 'a consent page', { names: [waiting, 'x'.repeat(waiting.length)], ask: consent })
})

test('a token of somebody else is nothing to who gives it back or asks about it, as one that was made up', async (t) => {
  const { house } = await openFakeHouse(t)
  const ana = await house.person('ana', ['desk/*'])
  const agent = await ana.connect('desk', ['read_note'])
  const thief = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
  const { access_token: access, refresh_token: refresh } = agent.tokens
  const madeUp = (like: string) => like.slice(0, -8) + like.slice(-8).split('').toReversed().join('')
  const send = (path: string) => (token: string) =>
    fetch(`${house.url}${path}`, { method: 'POST', body: thief.form({ token }) })
  for (const path of ['/oauth/revoke', '/oauth/introspect']) {
    for (const token of [access, refresh]) {
      await alike(house, path, { names: [token, madeUp(token)], ask: send(path) })
    }
  }
  assert.equal((await agent.refresh()).status, 200)
})
