import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort, openHouse } from '../house.ts'
import { failing, runSuite } from './suite.ts'

test('the authorization server passes what the suite asks of one', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['list_assets'])
  const ana = await house.person('ana', ['mux/list_assets'])
  const port = await freePort()
  const callback = `http://127.0.0.1:${port}/callback`
  const client = await house.register({ client_name: 'the suite', redirect_uris: [callback] })

  // The suite prints where the person is to go and waits: they sign in, consent, and their browser follows the redirect.
  const visits: Promise<void>[] = []
  const heard = (said: string) => {
    const url = /^http\S+\/oauth\/authorize\?\S+$/m.exec(said)?.[0]
    if (url !== undefined) visits.push(visit(url))
  }
  const visit = async (url: string) => {
    await ana.consent(await ana.browser.open(new URL(url)))
  }
  const resource = client.resourceOf('mux')
  const args = ['authorization', '--url', house.origin, '--client-id', client.id, '--resource', resource]
  const { results, output } = await runSuite([...args, '-p', String(port)], { heard })
  await Promise.all(visits)

  assert.deepEqual(
    [...results.keys()].sort(),
    ['authorization-code-grant', 'authorization-server-metadata-endpoint'],
    output,
  )
  assert.deepEqual(failing(results, results.keys()), {})
  const statuses = [...results.values()].flat().map(({ status }) => status)
  assert.deepEqual(statuses, ['SUCCESS', 'SUCCESS', 'SUCCESS'])
})
