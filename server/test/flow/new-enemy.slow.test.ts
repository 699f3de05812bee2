import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Agent } from '../agent.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import type { House } from '../house.ts'
import { until } from '../patience.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { at, openReplicas } from '../replicas.ts'

// G5, the new enemy: somebody leaves a group, and then the group gets a secret tool. Whoever takes the old members together
// with the new tool, or the new members and the old tools, has made a state that never was.
//
// Shown: at three replicas, with wall clocks ten minutes apart and the cable of one of them cut now and then, 15,000 checks
// that demand the revision of the write before them, and some thousand beside them that demand none, each held against the
// history of the writes. Not shown: a million of them, nor other ways to share a database than one PostgreSQL.

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

const reason = 'for a test'
const minute = 60_000
const rounds = 40
const checksAtOnce = 16
const secret = 'read_secret'

/** Ana leaves and comes back; bo stays. Each step answers its revision, by the control API of the first replica. */
async function openGroup(house: House) {
  const { identity, inventory } = house.rooms
  const root = await house.person('root', ['administer'])
  const { key } = await identity.makeOperatorKey({ principal: root.principal, label: 'test' })
  const { id: group } = await identity.makeGroup({ by: root.principal.id, name: 'Staff', reason })
  const write = async (path: string, body: object): Promise<string> => {
    const answer = await fetch(`${house.url}/api/v1${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, reason }),
    })
    assert.equal(answer.status, 200, await answer.text())
    return answer.headers.get('sallyport-revision')!
  }
  return {
    join: (member: string) => write(`/groups/${group}/add`, { member }),
    leave: (member: string) => write(`/groups/${group}/remove`, { member }),
    give: (...tools: string[]) => write(`/people/${group}/entitle`, { right: 'use', upstream: 'mux', tools }),
    async take() {
      const held = await inventory.listRights(group)
      return write(`/people/${group}/revoke`, {
        entitlements: held.filter(({ tool }) => tool === secret).map(({ id }) => id),
      })
    },
  }
}

/** The tools that a replica lists; undefined where it says that it cannot decide now. */
async function listed(url: string, agent: Agent, revision?: string): Promise<string[] | undefined> {
  const options = revision === undefined ? {} : { headers: { 'sallyport-revision': revision } }
  const { status, result } = await at(url, agent).rpc('tools/list', {}, options)
  if (status === 503) return undefined
  assert.equal(status, 200)
  return (result['tools'] as { name: string }[]).map(({ name }) => name)
}

test('who has left a group never has what it got afterwards, at any replica, by any clock, or cut off', async (t) => {
  const tools = [toolNamed('read_asset'), toolNamed('read_other'), toolNamed(secret)]
  const { houses, urls, cable } = await openReplicas(t, { postgres, tools, wrongByMs: [-10 * minute, 10 * minute] })
  const group = await openGroup(houses[0])
  // Ana and bo each hold a grant of the secret tool: only the entitlement stands between.
  await group.give('read_other', secret)
  const [ana, bo] = [
    await houses[0].person('ana', ['mux/read_asset']),
    await houses[0].person('bo', ['mux/read_asset']),
  ]
  for (const { principal } of [ana, bo]) await group.join(principal.id)
  const [hers, his] = [await ana.connect('mux', 'all'), await bo.connect('mux', 'all')]
  const both = ['read_asset', 'read_other']
  let revision = await group.take()

  let checks = 0
  async function demanding(from: readonly string[], seen: { ana: string[]; bo: string[] }): Promise<void> {
    const asked = from.flatMap((url) => Array.from({ length: checksAtOnce }, () => url))
    await Promise.all(
      asked.flatMap((url) =>
        (
          [
            [hers, seen.ana],
            [his, seen.bo],
          ] as const
        ).map(async ([agent, expected]) => {
          assert.deepEqual(await listed(url, agent, revision), expected, `revision ${revision} at ${url}`)
          checks++
        }),
      ),
    )
  }

  // Beside it, whoever demands nothing may be told an older state, and none that never was: ana never has the secret.
  let running = true
  let beside = 0
  const besides = (async () => {
    for (let turn = 0; running; turn++) {
      const names = await listed(urls[turn % 3]!, hers)
      if (names === undefined) continue
      assert.ok(['read_asset', 'read_asset,read_other'].includes(names.join()), names.join())
      beside++
    }
  })()

  let refusedCut = 0
  for (let round = 0; round < rounds; round++) {
    const cut = round % 20 === 19
    const whole = cut ? urls.slice(0, 2) : urls
    if (cut) cable.cut()
    revision = await group.leave(ana.principal.id)
    await demanding(whole, { ana: ['read_asset'], bo: both })
    revision = await group.give(secret)
    await demanding(whole, { ana: ['read_asset'], bo: [...both, secret] })
    if (cut) {
      assert.deepEqual(await Promise.all([hers, his].map((agent) => listed(urls[2], agent, revision))), [
        undefined,
        undefined,
      ])
      refusedCut++
      cable.join()
      await until(async () => (await listed(urls[2], his, revision)) !== undefined, 'it hears the news again')
      await demanding(urls, { ana: ['read_asset'], bo: [...both, secret] })
    }
    revision = await group.take()
    await demanding(urls, { ana: ['read_asset'], bo: both })
    revision = await group.join(ana.principal.id)
    await demanding(urls, { ana: both, bo: both })
  }
  running = false
  await besides
  t.diagnostic(`${checks} checks that demand a revision, ${beside} that demand none`)
  assert.ok(checks >= rounds * 4 * 3 * 2 * checksAtOnce && refusedCut === 2 && beside > 100)
})
