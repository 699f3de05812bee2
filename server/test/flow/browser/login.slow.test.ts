import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openFakeIdp } from '../../fake/idp.ts'
import { openHouse } from '../../house.ts'
import { openDesk } from './chromium.ts'
import { join, password, signIn } from './steps.ts'

test('the one-time link makes the first administrator, who signs out and in again with the password', async (t) => {
  const house = await openHouse(t, { preload: ['memory'] })
  const desk = await openDesk(t)
  const { page, context, forgive } = await desk.open()
  const link = await house.rooms.identity.firstAdministratorLink()
  await join(page, link!, { name: 'Ana Lima', login: 'ana' })
  assert.equal(new URL(page.url()).pathname, '/')
  assert.deepEqual(await page.locator('header nav a').allInnerTexts(), [
    'Start',
    'Approvals',
    'Upstreams',
    'Grants',
    'Clients',
    'People',
    'Ledger',
  ])

  const [cookie] = (await context.cookies()).filter(({ name }) => name === 'sallyport')
  assert.equal(cookie?.httpOnly, true)
  assert.equal(cookie?.sameSite, 'Lax')
  assert.equal(await page.evaluate('document.cookie'), '')

  await page.locator('header').getByRole('link', { name: 'Sign out' }).click()
  await page.locator('main').getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Signed out' }).waitFor()
  assert.deepEqual(
    (await context.cookies()).filter(({ name }) => name === 'sallyport'),
    [],
  )

  await page.goto(`${house.origin}/ledger`)
  assert.equal(new URL(page.url()).pathname, '/sign-in')
  await page.getByLabel('Login').fill('ana')
  await page.getByLabel('Password').fill(`${password}!`)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').waitFor()
  forgive(/status of 401/)
  assert.equal(await page.getByLabel('Login').inputValue(), 'ana')
  await signIn(page, 'ana')
  await page.getByRole('heading', { name: 'Ledger' }).waitFor()
  assert.equal(new URL(page.url()).pathname, '/ledger')

  await page.goto(link!)
  await page.getByRole('alert').waitFor()
  forgive(/status of 4/)
})

test('a person comes in through an OpenID provider, and administers when the one-time link led there', async (t) => {
  const idp = await openFakeIdp(
    { id: 'sallyport', secret: 's3cret' },
    { sub: '00u1', name: 'Bo Berg', email: 'bo@company.test' },
  )
  t.after(() => idp.close())
  const oidc = { id: 'company', name: 'Example Company', issuer: idp.issuer, clientId: 'sallyport' }
  const house = await openHouse(t, {
    yaml: `login: ${JSON.stringify({ oidc: [{ ...oidc, clientSecretEnv: 'COMPANY_SECRET' }] })}\n`,
    env: { COMPANY_SECRET: 's3cret' },
    reach: [idp.issuer],
  })
  const desk = await openDesk(t)
  const { page } = await desk.open()
  await page.goto((await house.rooms.identity.firstAdministratorLink())!)
  await page.getByRole('link', { name: 'Continue with Example Company' }).click()
  await page.getByRole('heading', { name: 'Welcome, Bo Berg' }).waitFor()
  assert.equal(await page.getByRole('link', { name: 'Ledger' }).first().isVisible(), true)

  const { page: second } = await desk.open()
  idp.person = { sub: '00u2', name: 'Cy Chen' }
  await second.goto(`${house.origin}/grants`)
  await second.getByRole('link', { name: 'Continue with Example Company' }).click()
  await second.getByRole('heading', { name: 'Grants' }).waitFor()
  assert.equal(await second.locator('header .who span').innerText(), 'Cy Chen')
  assert.equal(await second.getByRole('link', { name: 'Ledger' }).count(), 0)
})
