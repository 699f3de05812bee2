import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { linkOf } from '../agent.ts'
import { openFakeHouse } from '../fake-house.ts'
import { freePort, type HouseOptions, openHouse } from '../house.ts'
import { codeOf } from '../oauth-client.ts'
import { startPostgres } from '../postgres.ts'

// A revocation is a fact of the store, and nothing that a process remembers.

const places: Record<string, (t: TestContext) => Promise<HouseOptions>> = {
  SQLite: async () => ({}),
  PostgreSQL: async (t) => {
    const postgres = await startPostgres()
    t.after(() => postgres.stop())
    return { databaseUrl: await postgres.createDatabase() }
  },
}

for (const [store, place] of Object.entries(places)) {
  test(`what was revoked is revoked after a restart on ${store}`, async (t) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-restart-'))
    t.after(() => rmSync(dataDir, { recursive: true, force: true }))
    const env = { SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') }
    const options: HouseOptions = { ...(await place(t)), dataDir, env, port: await freePort() }
    const { house, fake } = await openFakeHouse(t, { house: options })
    const ana = await house.person('ana', ['desk/*'])
    const bo = await house.person('bo', ['desk/delete_note:approve'])
    const agent = await ana.connect('desk', 'all')
    const standing = await ana.connect('desk', 'all')
    const approvalId = linkOf(await agent.call('delete_note', { id: 'n1' }))
      .split('/')
      .at(-1)!
    const client = await house.register()
    const code = codeOf(await ana.consent(await ana.browser.open(client.authorizeUrl('desk')), 'all'))
    const [waiting] = await house.rooms.oauth.listGrants({ clientId: client.id })
    for (const id of [agent.grantId, waiting!.id]) {
      await house.rooms.oauth.revokeGrant({ by: 'set-up', id, reason: 'for a test' })
    }
    await house.close()

    const { rooms } = await openHouse(t, { ...options, reach: [fake.url] })
    const made = fake.calls.length
    const refused = await agent.call('read_note', { id: 'n1' })
    assert.deepEqual([refused.status, refused.error?.data?.['reason']], [401, 'grant.revoked'])
    assert.equal((await agent.refresh()).body['error'], 'invalid_grant')
    assert.equal((await client.redeem(code, { resource: client.resourceOf('desk') })).error, 'invalid_grant')
    assert.equal((await rooms.approvals.get(approvalId)).state, 'cancelled')
    const answer = { by: bo.principal.id, id: approvalId, approve: true, reason: 'looked at it' }
    await assert.rejects(rooms.approvals.answer(answer), { code: 'approval.already_answered' })
    assert.equal(fake.calls.length, made)
    assert.equal((await standing.call('read_note', { id: 'n1' })).status, 200, 'what stands, stands')
  })
}
