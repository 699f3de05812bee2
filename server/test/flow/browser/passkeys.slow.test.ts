import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { CDPSession, Page } from 'playwright-core'
import { openNamedHouse } from '../../house.ts'
import { openDesk, type Window } from './chromium.ts'
import { join, password, signIn } from './steps.ts'

interface Authenticator {
  session: CDPSession
  id: string
}

/** Chromium's own authenticator, which asks nobody: `verifies` says whether the person would be recognised. */
async function plugIn({ context, page }: Window, verifies = true): Promise<Authenticator> {
  const session = await context.newCDPSession(page)
  await session.send('WebAuthn.enable')
  const { authenticatorId: id } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: verifies,
      automaticPresenceSimulation: true,
    },
  })
  return { session, id }
}

async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SALLYPORT_PICTURES']
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true })
}

async function openOffice(t: TestContext, width = 900) {
  const house = await openNamedHouse(t)
  const desk = await openDesk(t)
  const window = await desk.open({ viewport: { width, height: 900 } })
  const { page } = window
  await join(page, (await house.rooms.identity.firstAdministratorLink())!, { name: 'Ana Lima', login: 'ana' })
  return { house, desk, window, page }
}

async function addPasskey(page: Page, origin: string, name: string): Promise<void> {
  await page.goto(`${origin}/you`)
  await page.getByRole('link', { name: 'Password, passkeys and recovery codes' }).click()
  await page.getByLabel('Name of the new one').fill(name)
  await page.locator('#current-add').fill(password)
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await page.getByRole('status').filter({ hasText: 'The passkey is added' }).waitFor()
}

/** From the page of the ways, where a password was not enough. */
async function enterByPasskey(page: Page): Promise<void> {
  await page.getByText('The passkey is added').waitFor()
  await page.getByRole('link', { name: 'Sign in again' }).click()
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await page.getByRole('heading', { name: 'Ways to sign in' }).waitFor()
}

test('Chromium makes a passkey and signs in with it, without a name or a password', async (t) => {
  const { house, window, page } = await openOffice(t)
  const { session, id } = await plugIn(window)
  await addPasskey(page, house.origin, 'this laptop')
  await picture(page, 'ways')
  const { credentials } = await session.send('WebAuthn.getCredentials', { authenticatorId: id })
  assert.deepEqual(
    credentials.map(({ rpId, isResidentCredential, userName }) => [rpId, isResidentCredential, userName]),
    [['localhost', true, 'ana']],
  )
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.goto(`${house.origin}/ledger`)
  await picture(page, 'sign-in')
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await page.getByRole('heading', { name: 'Ledger' }).waitFor()

  await page.goto(`${house.origin}/sign-in/ways`)
  await page.getByRole('button', { name: 'Only by passkey' }).click()
  await page.getByText('Your password alone opens nothing').waitFor()
  await page.getByRole('button', { name: 'Make ten codes' }).click()
  const codes = (await page.locator('pre').innerText()).trim().split('\n')
  assert.equal(codes.length, 10)
  await picture(page, 'codes')
  await page.getByRole('link', { name: 'Done' }).click()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.goto(`${house.origin}/sign-in`)
  await signIn(page, 'ana')
  await page.getByRole('alert').waitFor()
  window.forgive(/status of 401/)

  await page.getByRole('link', { name: 'Use a recovery code' }).click()
  await page.getByLabel('Login').fill('ana')
  await page.getByLabel('Password').fill(password)
  await page.getByLabel('Recovery code').fill(codes[0]!)
  await picture(page, 'recovery')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByText('9 of 10 left').waitFor()
  await page.getByRole('button', { name: 'Remove this laptop' }).click()
  await page.getByRole('alert').waitFor()
  window.forgive(/status of 400/)
  await page.getByRole('button', { name: 'Allow the password alone' }).click()
  await page.getByRole('button', { name: 'Remove this laptop' }).click()
  await page.getByText('None yet.').waitFor()
})

test('who is not recognised by the authenticator makes no passkey, is told so, and can go back', async (t) => {
  const { house, window, page } = await openOffice(t, 390)
  await plugIn(window, false)
  await page.goto(`${house.origin}/sign-in/ways`)
  await page.getByLabel('Name of the new one').fill('phone')
  await page.locator('#current-add').fill(password)
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await page.getByRole('alert').filter({ hasText: 'No passkey was made' }).waitFor()
  assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 390)
  await picture(page, 'not-made')
  await page.getByRole('link', { name: 'Go back' }).click()
  await page.getByText('None yet.').waitFor()
})

test('an authenticator that holds a passkey of the person says so, and a removed passkey is refused', async (t) => {
  const { house, window, page } = await openOffice(t)
  await plugIn(window)
  await addPasskey(page, house.origin, 'laptop')
  await picture(page, 'ways-locked')
  await enterByPasskey(page)
  await page.getByLabel('Name of the new one').fill('laptop again')
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await page.getByText('This authenticator holds a passkey of yours already.').waitFor()
  await page.getByRole('link', { name: 'Go back' }).click()
  await page.getByRole('button', { name: 'Remove laptop' }).click()
  await page.getByText('None yet.').waitFor()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.goto(`${house.origin}/sign-in`)
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await page.getByRole('alert').waitFor()
  window.forgive(/status of 401/)
  await picture(page, 'refused')
  await page.getByRole('link', { name: 'Try again' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
})

test('without scripts passwords and recovery codes work, and the page of a passkey says what is missing', async (t) => {
  const { house, desk } = await openOffice(t)
  const { page } = await desk.open({ javaScriptEnabled: false, viewport: { width: 390, height: 844 } })
  await page.goto(`${house.origin}/sign-in?return_to=/sign-in/ways`)
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await page.getByText('Passkeys need scripts').waitFor()
  await picture(page, 'no-script')
  await page.getByRole('link', { name: 'Go back' }).click()
  await page.getByLabel('Login').fill('ana')
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('heading', { name: 'Ways to sign in' }).waitFor()
  await page.locator('#current').fill(password)
  await page.getByLabel('New password').fill('a quite different sentence')
  await picture(page, 'ways-phone')
  await page.getByRole('button', { name: 'Change the password' }).click()
  await page.getByText('The password is changed').waitFor()
})

test('in the dark, and where a passkey is demanded, the page reads well', async (t) => {
  const house = await openNamedHouse(t, { yaml: 'login: { local: { passkeys: administrators } }' })
  const desk = await openDesk(t)
  const window = await desk.open({ colorScheme: 'dark', viewport: { width: 900, height: 900 } })
  const { page } = window
  await page.goto((await house.rooms.identity.firstAdministratorLink())!)
  await page.getByLabel('Your name').fill('Ana')
  await page.getByLabel('Login').fill('ana')
  await page.getByLabel('Password').fill(password)
  await page.locator('main button.primary').click()
  await page.getByText('Here a password alone is not enough').waitFor()
  await picture(page, 'wanting-dark')
  await plugIn(window)
  await page.getByLabel('Name of the new one').fill('laptop')
  await page.locator('#current-add').fill(password)
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await enterByPasskey(page)
  await page.getByRole('button', { name: 'Make ten codes' }).waitFor()
  await page.goto(`${house.origin}/people`)
  await page.getByRole('heading', { name: 'People' }).waitFor()
})
