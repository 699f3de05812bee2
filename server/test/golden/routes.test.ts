import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Action } from '../../src/control/action.ts'
import { actions } from '../../src/control/actions.ts'
import { readings } from '../../src/control/readings.ts'
import { listRoutes, type Route } from '../../src/control/routes.ts'
import { openHouse, type House } from '../house.ts'
import type { Person } from '../person.ts'

const file = new URL('routes.txt', import.meta.url)

test('every address of the operators’ door and its guard is as it was reviewed', () => {
  const table = listRoutes().map(({ method, path, guard }) => `${guard.padEnd(14)} ${method.padEnd(5)} ${path}\n`)
  const text = table.join('')
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text)
  assert.equal(text, readFileSync(file, 'utf8'))
})

test('every operation of the API has a name of its own', () => {
  const names = [...actions, ...readings].map(({ name }) => name)
  assert.deepEqual(names, [...new Set(names)])
})

test('of a running house, every address keeps out who may not take it', async (t) => {
  const house = await openHouse(t)
  const nobody = await house.person('nobody')
  const { key } = await house.rooms.identity.makeOperatorKey({ principal: nobody.principal, label: 'test' })
  const routes = listRoutes()
  assert.ok(routes.length > 50)

  await t.test('who is not signed in gets 401 from the API and is sent to sign in by pages', async () => {
    for (const route of routes.filter(({ guard }) => guard !== 'public')) {
      const answer = await ask(house, route)
      if (route.path.startsWith('/api/')) {
        assert.equal(answer.status, 401, route.path)
        assert.equal(((await answer.json()) as { code: string }).code, 'control.signed_out')
      } else {
        assert.equal(answer.status, 303, route.path)
        assert.match(answer.headers.get('location')!, /^\/sign-in/)
      }
    }
  })

  await t.test('a cookie is no key: the API does not know who is signed in', async () => {
    for (const route of routes.filter(({ path, guard }) => path.startsWith('/api/') && guard !== 'public')) {
      assert.equal((await ask(house, route, { headers: cookieOf(nobody) })).status, 401, route.path)
    }
  })

  await t.test('a nobody gets 403 wherever an administrator, an owner or a holder is asked for', async () => {
    const guarded = routes.filter(({ guard }) => ['administrator', 'owner', 'holder'].includes(guard))
    assert.ok(guarded.length > 30)
    for (const route of guarded) {
      const answer = await ask(house, route, { headers: await proofOf({ route, person: nobody, key }), body: bodyFor(route) })
      assert.equal(answer.status, 403, `${route.method} ${route.path}: ${await answer.text()}`)
    }
  })

  await t.test('a nobody cannot see or answer the approvals of others', async () => {
    for (const route of routes.filter(({ guard }) => guard === 'party' || guard === 'approver')) {
      const answer = await ask(house, route, { headers: await proofOf({ route, person: nobody, key }), body: bodyFor(route) })
      assert.equal(answer.status, 404, route.path)
    }
  })

  await t.test('a form without the token of this browser, or from another site, is refused', async () => {
    for (const route of routes.filter(({ method, path }) => method === 'POST' && !path.startsWith('/api/'))) {
      const without = await ask(house, route, { headers: { ...cookieOf(nobody), 'sec-fetch-site': 'same-origin' } })
      assert.equal(without.status, 403, route.path)
      const elsewhere = { ...(await proofOf({ route, person: nobody, key })), 'sec-fetch-site': 'cross-site' }
      assert.equal((await ask(house, route, { headers: elsewhere, body: bodyFor(route) })).status, 403, route.path)
    }
  })

  await t.test('what is public tells nothing but that it runs', async () => {
    assert.equal(await (await ask(house, { path: '/health' })).text(), 'ok\n')
    assert.equal(await (await ask(house, { path: '/ready' })).text(), 'ready\n')
    const document = (await (await ask(house, { path: '/api/v1/openapi.json' })).json()) as {
      openapi: string
      paths: Record<string, object>
    }
    assert.equal(document.openapi, '3.1.0')
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const api = routes.filter(({ path, guard }) => path.startsWith('/api/') && guard !== 'public')
    assert.deepEqual(described.toSorted(), api.map(({ method, path }) => `${method} ${path}`).toSorted())
  })
})

function cookieOf(person: Person): Record<string, string> {
  return { cookie: `sallyport=${person.browser.cookie('sallyport')}` }
}

async function proofOf(of: { route: Route; person: Person; key: string }): Promise<Record<string, string>> {
  if (of.route.path.startsWith('/api/')) return { authorization: `Bearer ${of.key}` }
  const { csrf } = await readCsrf(of.person)
  return { ...cookieOf(of.person), 'sec-fetch-site': 'same-origin', 'x-csrf': csrf }
}

async function readCsrf(person: Person): Promise<{ csrf: string }> {
  const page = await person.browser.open('/you')
  return { csrf: /name="csrf" value="([^"]+)"/.exec(page.text)![1]! }
}

// What each action takes, so that it is the guard that refuses and not the reading of the input.
const bodies: Record<string, Record<string, unknown>> = {
  acceptTools: { digests: { x: 'a'.repeat(64) }, reason: 'because' },
  withdrawTool: { tool: 'x', reason: 'because' },
  setEffect: { tool: 'x', effect: 'read', traits: [], reason: 'because' },
  allowArgument: { tool: 'x', argument: 'y', reason: 'because' },
  answerApproval: { approve: true, reason: 'because' },
  revokeGrant: { reason: 'because' },
}

function bodyFor(route: Route): Record<string, unknown> {
  const action: Action | undefined = actions.find(({ path }) => route.path.endsWith(path))
  return (action && bodies[action.name]) ?? {}
}

function ask(
  house: House,
  route: { method?: string; path: string },
  sent: { headers?: Record<string, string>; body?: Record<string, unknown> } = {},
): Promise<Response> {
  const { headers: { 'x-csrf': csrf, ...headers } = {}, body = {} } = sent
  const url = house.origin + route.path.replaceAll(/\{\w+\}/g, 'x')
  if (route.method !== 'POST') return fetch(url, { headers, redirect: 'manual' })
  const api = route.path.startsWith('/api/')
  return fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers: { ...headers, 'content-type': api ? 'application/json' : 'application/x-www-form-urlencoded' },
    body: api ? JSON.stringify(body) : formOf(body, csrf),
  })
}

function formOf(body: Record<string, unknown>, csrf: string | undefined): URLSearchParams {
  const form = new URLSearchParams({ ...(csrf && { csrf }) })
  for (const [name, value] of Object.entries(body)) if (typeof value === 'string') form.append(name, value)
  if ('digests' in body) form.append('accept', `${'a'.repeat(64)} x`)
  if ('approve' in body) form.append('answer', 'approve')
  return form
}
