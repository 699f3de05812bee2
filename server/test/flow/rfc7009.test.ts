import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openHouse } from '../house.ts'

async function open(t: Parameters<typeof openHouse>[0]) {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  return { house, ana: await house.person('Ana', ['mux/get_asset']) }
}

test('a client that gives back either token ends its grant', async (t) => {
  const { house, ana } = await open(t)
  for (const kind of ['refresh_token', 'access_token'] as const) {
    const client = await house.register()
    const tokens = await client.connect(ana.browser, 'mux')
    assert.equal(await client.revoke(tokens[kind]), 200)
    assert.equal((await client.refresh(tokens.refresh_token)).error, 'invalid_grant', kind)
    const [grant] = await house.rooms.oauth.listGrants({ clientId: client.id })
    assert.ok(grant?.revokedAt, kind)
    assert.equal(grant.revokedBecause, 'the client gave its token back')
    assert.equal(await client.revoke(tokens[kind]), 200)
  }
  assert.equal((await house.changes('grant.revoked')).length, 2)
})

test('a client cannot end the grant of another, and learns nothing of its tokens', async (t) => {
  const { house, ana } = await open(t)
  const victim = await house.register()
  const tokens = await victim.connect(ana.browser, 'mux')
  const confidential = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
  for (const other of [await house.register(), confidential]) {
    for (const token of [tokens.access_token, tokens.refresh_token, 'made-up', `${tokens.access_token}x`, 'a.b.c']) {
      assert.equal(await other.revoke(token), 200)
    }
  }
  assert.equal((await victim.refresh(tokens.refresh_token)).status, 200)
})

test('revocation needs the client to prove who it is', async (t) => {
  const { house, ana } = await open(t)
  const client = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
  const tokens = await client.connect(ana.browser, 'mux')
  for (const token of [tokens.access_token, tokens.refresh_token]) {
    const wrong: Record<string, string>[] = [
      { token },
      { token, client_id: client.id },
      { token, client_id: client.id, client_secret: 'x' },
    ]
    for (const fields of wrong) {
      const answer = await fetch(`${house.url}/oauth/revoke`, { method: 'POST', body: new URLSearchParams(fields) })
      assert.ok(answer.status === 400 || answer.status === 401, String(answer.status))
    }
  }
  assert.equal((await client.refresh(tokens.refresh_token)).status, 200)
})
