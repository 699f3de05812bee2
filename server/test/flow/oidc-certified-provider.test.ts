import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { demandSignIn } from '../../src/store/principals.ts'
import { whoIs } from '../administrator.ts'
import type { Browser, Page } from '../browser.ts'
import { openCertifiedIdp } from '../fake/certified-idp.ts'
import { freePort, openHouse } from '../house.ts'

const client = { id: 'sallyport', secret: 'a secret of the client that is long enough' }

/** Types a login in at the provider where it asks for one, and agrees. */
async function answer(browser: Browser, page: Page, login: string): Promise<Page> {
  const next = page.text.includes('name="password"') ? await browser.submit(page, { login, password: 'any' }) : page
  return next.url.pathname.startsWith('/interaction/') ? browser.submit(next) : next
}

test('a certified provider signs people in, again when it must, and out', async (t) => {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const provider = { id: 'certified', name: 'Certified', issuer, clientId: client.id, clientSecretEnv: 'IDP_SECRET' }
  const house = await openHouse(t, {
    yaml: `login: ${JSON.stringify({ oidc: [provider] })}`,
    env: { IDP_SECRET: client.secret },
    reach: [issuer],
  })
  await openCertifiedIdp(t, { port, client: { ...client, origin: house.origin, provider: 'certified' } })
  const browser = house.browser()
  const signIn = async (path: string, login = 'ana') => {
    const page = await browser.open(`${house.origin}/sign-in?return_to=/sign-out`)
    return answer(browser, await browser.follow(page, path), login)
  }

  const landed = await signIn('/sign-in/with/certified?return_to=/sign-out')
  assert.equal(landed.url.href, `${house.origin}/sign-out`, landed.text)
  const { principal } = (await whoIs(house, browser))!
  assert.deepEqual([principal.issuer, principal.subject], [issuer, 'ana'])

  // Something changed at the provider: the session there is too old from now on.
  await demandSignIn(house.rooms.store, principal.id, Date.now())
  const refused = await signIn('/sign-in/with/certified?return_to=/sign-out')
  assert.equal(refused.status, 403, refused.text)
  const [, again] = /href="(\/sign-in\/with\/certified\?anew=1[^"]*)"/.exec(refused.text) ?? []
  const asked = await browser.follow(refused, again!.replaceAll('&amp;', '&'))
  assert.match(asked.text, /name="password"/, 'the provider asks anew, though there is a session')
  // The provider says the time in whole seconds: the next one must have begun.
  await sleep(1_100)
  const entered = await answer(browser, asked, 'ana')
  assert.equal(entered.url.href, `${house.origin}/sign-out`, entered.text)
  assert.equal((await house.rooms.identity.findPrincipal(principal.id))?.state, 'active')

  const leaving = await browser.open(`${issuer}/session/end`)
  await browser.submit(leaving, { logout: 'yes' })
  assert.equal(await whoIs(house, browser), undefined, JSON.stringify(browser.visited.slice(-3)))
  const [ended] = await house.changes('principal.signed_out')
  assert.equal(ended?.by, 'provider:certified')
})
