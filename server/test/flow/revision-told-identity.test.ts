import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { vouch } from '@sallyport/guard/login'
import { identityRoutes } from '../../src/identity/door.ts'
import { administratorOf, password, whoIs } from '../administrator.ts'
import type { Browser } from '../browser.ts'
import { openFakeIdp } from '../fake/idp.ts'
import { type House, openNamedHouse } from '../house.ts'
import { addAndEnter, enterByPassword, enterByPasskey } from '../passkey-steps.ts'
import { Writes } from '../writes.ts'

// Every form of signing in, joining and getting back in, and what leads back from a provider: all that there are, so a new
// one must be shown here too. They are open to anybody, who hears of what he changed and of nothing else.

const pathOf = (pattern: RegExp) =>
  pattern.source
    .slice(1, -1)
    .replaceAll('\\', '')
    .replaceAll(/\(.*?\)/g, '{}')

const writes = new Writes(
  identityRoutes
    .filter(([method, pattern]) => method === 'POST' || pattern.test('/sign-in/callback/company'))
    .map(([method, pattern]) => ({ method, pattern, path: pathOf(pattern) })),
)

const client = { id: 'sallyport', secret: 'the client secret' }
const secret = 'the-secret-of-the-backend-long-enough'

async function open(t: TestContext): Promise<{ house: House; ana: Browser }> {
  const idp = await openFakeIdp(client, { sub: 'cy', name: 'Cy' })
  t.after(() => idp.close())
  const oidc = { id: 'company', name: 'Company', issuer: idp.issuer, domains: ['example.com'] }
  const bridge = { id: 'app', name: 'The app', loginUrl: 'https://app.example.com/connect', secretEnv: 'APP_SECRET' }
  const login = {
    oidc: [{ ...oidc, clientId: client.id, clientSecretEnv: 'IDP_SECRET' }],
    bridge: [bridge],
  }
  const house = await openNamedHouse(t, {
    yaml: `login: ${JSON.stringify(login)}`,
    env: { IDP_SECRET: client.secret, APP_SECRET: secret },
    reach: [idp.issuer],
  })
  writes.watch(t, house)
  return { house, ana: await administratorOf(house) }
}

test('by password, passkey and recovery code, and all that a person changes of these', async (t) => {
  const { house, ana } = await open(t)
  const ways = (to: string, fields: Record<string, string>) =>
    submitAt(ana, `${house.origin}/sign-in/ways`, { to, ...fields })
  await enterByPassword(house, house.browser())
  const { authenticator } = await addAndEnter(house, ana)
  const { text } = await ways('/sign-in/ways/codes', {})
  const [code = ''] = /<pre[^>]*>([^<]*)<\/pre>/.exec(text)![1]!.trim().split('\n')
  const recovered = { to: '/sign-in/recovery', login: 'ana', password, code }
  await submitAt(house.browser(), `${house.origin}/sign-in/recovery`, recovered)

  await enterByPasskey(house, ana, { authenticator })
  const changed = 'a quite different sentence'
  await ways('/sign-in/ways/password', { current: password, password: changed })
  await ways('/sign-in/ways/password', { current: changed, password })
  await ways('/sign-in/ways/only', {})
  await ways('/sign-in/ways/only', {})
  await ways('/sign-in/ways/passkeys/remove', { id: authenticator.id })
  await submitAt(ana, `${house.origin}/sign-out`, { to: '/sign-out' })
})

test('by a link, of an invitation or to set a new password', async (t) => {
  const { house, ana } = await open(t)
  const by = (await whoIs(house, ana))!.principal.id
  const invited = await house.rooms.identity.invite({ by, name: 'Bo', rights: [] })
  const bo = house.browser()
  const joined = { to: new URL(invited.url).pathname, name: 'Bo Berg', login: 'bo', password }
  await submitAt(bo, invited.url, joined)
  const { id } = (await whoIs(house, bo))!.principal
  const reset = await house.rooms.identity.makeResetLink({ by, id, reason: 'for a test' })
  const finder = house.browser()
  const changed = { to: new URL(reset.url).pathname, password: 'a quite different sentence' }
  await submitAt(finder, reset.url, changed)
  assert.equal((await whoIs(house, finder))?.principal.id, id)
})

test('through a provider, and through an application', async (t) => {
  const { house } = await open(t)
  const cy = house.browser()
  const found = await submitAt(cy, `${house.origin}/sign-in`, { to: '/sign-in/find', email: 'cy@example.com' })
  await cy.follow(found, /^0; url=(.+)$/.exec(found.headers.get('refresh')!)![1]!)
  assert.ok(await whoIs(house, cy))

  const di = house.browser()
  const sent = await di.peek('/sign-in/with/app')
  const externalAuthId = new URL(sent.headers.get('location')!).searchParams.get('external_auth_id')!
  const user = { id: 'u-1', name: 'Di', email: 'di@example.com' }
  await di.open(await vouch({ gateway: house.url, id: 'app', secret }, { externalAuthId, user }))
  assert.ok(await whoIs(house, di))
})

type Fields = Record<string, string> & { to: string }

async function submitAt(browser: Browser, address: string, { to, ...fields }: Fields) {
  const page = await browser.submit(await browser.open(address), fields, { to })
  assert.equal(page.status, 200, page.text)
  return page
}

test('each has told the revision of its change; what changes nobody’s rights, as a sign-in or a sign-out, tells none', () => {
  assert.deepEqual(writes.told(), {
    'GET /sign-in/callback/{}': 'its change',
    'POST /join/{}': 'its change',
    'POST /reset/{}': 'its change',
    'POST /sign-in': 'nothing',
    'POST /sign-in/find': 'nothing',
    'POST /sign-in/passkey': 'nothing',
    'POST /sign-in/passkey/begin': 'nothing',
    'POST /sign-in/recovery': 'its change',
    'POST /sign-in/vouch/{}': 'nothing',
    'POST /sign-in/ways/codes': 'its change',
    'POST /sign-in/ways/only': 'its change',
    'POST /sign-in/ways/passkeys': 'nothing',
    'POST /sign-in/ways/passkeys/add': 'its change',
    'POST /sign-in/ways/passkeys/remove': 'its change',
    'POST /sign-in/ways/password': 'its change',
    'POST /sign-out': 'nothing',
  })
})
