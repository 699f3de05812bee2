import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getRevision } from '../../src/store/revisions.ts'
import { formOf, sentBy } from '../browser.ts'
import type { House } from '../house.ts'
import { openProvisionedHouse, userUrn } from '../provisioner.ts'

// Every write says the number of the state that it made, so that a program can demand it of any replica.

const told = (headers: Headers) => headers.get('sallyport-revision')

/** That an answer tells the state of now, in which something has changed since `before`. */
async function isTold({ rooms }: House, headers: Headers, before: number): Promise<number> {
  const now = await getRevision(rooms.store)
  assert.equal(told(headers), String(now))
  assert.ok(now > before, `nothing has changed since ${before}`)
  return now
}

test('every write of an identity provider tells its revision, and what is read or refused tells none', async (t) => {
  const { house, company } = await openProvisionedHouse(t)
  let at = await getRevision(house.rooms.store)
  const made = await company.post('/Users', { schemas: [userUrn], userName: 'ana', externalId: 'sub-ana' })
  at = await isTold(house, made.headers, at)
  const path = `/Users/${made.body.id}`
  const changed = await company.patch(path, { op: 'replace', path: 'active', value: false })
  at = await isTold(house, changed.headers, at)
  assert.equal(told((await company.get(path)).headers), null)
  const refused = await company.patch(path, { op: 'replace', path: 'no such thing', value: 1 })
  assert.deepEqual([refused.status, told(refused.headers)], [400, null])
  const deleted = await company.delete(path)
  assert.equal(deleted.status, 204)
  await isTold(house, deleted.headers, at)
})

test('the consent page, a revocation by the client and a form of ours tell theirs', async (t) => {
  const { house, administrator } = await openProvisionedHouse(t)
  const ana = await house.person('ana', ['desk/read_note'])
  const client = await house.register()
  let at = await getRevision(house.rooms.store)
  const page = await ana.browser.open(client.authorizeUrl('desk'))
  const form = formOf(page)
  const body = sentBy(form)
  body.set('answer', 'accept')
  const accepted = await ana.browser.post(form.action, body, { site: 'same-origin', origin: 'null', follow: false })
  assert.equal(accepted.status, 303)
  at = await isTold(house, accepted.headers, at)

  const tokens = await client.connect(ana.browser, 'desk')
  const revoke = (token: string) => fetch(`${house.url}/oauth/revoke`, { method: 'POST', body: client.form({ token }) })
  at = await isTold(house, (await revoke(tokens.refresh_token)).headers, at)
  // Whoever has registered can ask this: of what he did not change he hears nothing.
  const again = await revoke(tokens.refresh_token)
  assert.deepEqual([again.status, told(again.headers)], [200, null])

  const agent = await ana.connect('desk', 'all')
  const grants = await ana.browser.open('/grants')
  const ending = formOf(grants, `/grants/${agent.grantId}/revoke`)
  const sent = { site: 'same-origin', origin: house.origin, follow: false }
  const ended = await ana.browser.post(ending.action, sentBy(ending), sent)
  assert.equal(ended.status, 303)
  at = await isTold(house, ended.headers, at)

  const { key } = await house.rooms.identity.makeOperatorKey({ principal: administrator.principal, label: 'test' })
  const answer = await fetch(`${house.url}/api/v1/people/${ana.principal.id}/disable`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ reason: 'for a test' }),
  })
  assert.equal(answer.status, 200, await answer.text())
  await isTold(house, answer.headers, at)
})
