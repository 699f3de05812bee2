import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { insertMemberships } from '../../src/store/memberships.ts'
import { linkOf } from '../agent.ts'
import { openFakeHouse } from '../fake-house.ts'
import { freePort, openHouse } from '../house.ts'

// Memberships by a provider are made anew at each sign-in there. Who is not asked any more could not end them so.

const step = { by: 'set-up', reason: 'for a test' }
const provider = (id: string, more: object) => ({
  id,
  name: id,
  issuer: `https://${id}.example`,
  clientId: 'sallyport',
  clientAuthentication: 'none',
  ...more,
})
const asked = { claims: { groups: 'groups' } }
const configured = (...oidc: object[]) => ({ yaml: `login: ${JSON.stringify({ oidc })}` })

for (const [what, company] of [
  ['is asked for groups no longer', [provider('company', {})]],
  ['is not configured any more', []],
] as const) {
  test(`what a provider said that ${what} ends at the start, and nothing else does`, async (t) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-silent-'))
    t.after(() => rmSync(dataDir, { recursive: true, force: true }))
    const env = { SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') }
    const other = provider('other', asked)
    const place = { dataDir, env, port: await freePort() }
    const options = { ...place, ...configured(provider('company', asked), other) }
    const { house, fake } = await openFakeHouse(t, { house: options })
    const { identity, inventory, store } = house.rooms
    const { id: groupId } = await identity.makeGroup({ ...step, name: 'Staff' })
    await inventory.entitle({ ...step, principalId: groupId, right: 'use', upstream: 'desk', tools: ['delete_note'] })
    const [ana, bo] = [await house.person('ana'), await house.person('bo')]
    const many = Array.from({ length: 500 }, (_, at) => `p-${at}`)
    const createdAt = house.clock.now()
    const put = (source: string, ...memberIds: string[]) =>
      insertMemberships(store, { groupId, source, memberIds, createdAt })
    await put('company', ...many, ana.principal.id)
    await put('other', ana.principal.id)
    await put('scim:company', bo.principal.id)
    await identity.addMember({ ...step, group: groupId, member: bo.principal.id })
    const agent = await ana.connect('desk', 'all')
    const approvalId = linkOf(await agent.call('delete_note', { id: 'n1' }))
      .split('/')
      .at(-1)!
    await house.close()

    const again = { ...place, ...configured(...company, other), reach: [fake.url] }
    for (let start = 1; start <= 2; start++) {
      const next = await openHouse(t, again)
      const left = await next.rooms.identity.listMemberships({ groupId })
      assert.deepEqual(left.map(({ source }) => source).toSorted(), ['hand', 'other', 'scim:company'])
      assert.equal((await next.rooms.approvals.get(approvalId)).state, 'cancelled')
      const entries = await next.changes('group.left')
      const gone = entries.map(({ details }) => details!['members'] as string[])
      assert.deepEqual(
        gone.map(({ length }) => length),
        [500, 1],
        'in portions, and once',
      )
      assert.deepEqual(gone.flat().toSorted(), [...many, ana.principal.id].toSorted())
      const { by, about, reason, details } = entries[0]!
      assert.deepEqual([by, about, details!['source']], ['system', { kind: 'group', id: groupId }, 'company'])
      assert.equal(reason, 'the configuration asks `company` for groups no longer')
      await next.close()
    }
  })
}
