import assert from 'node:assert/strict'
import { type Browser, type Page, unescapeHtml } from './browser.ts'
import { password } from './administrator.ts'
import { FakeAuthenticator, type Lie } from './fake/authenticator.ts'
import type { House } from './house.ts'

/** What the page with the script asks the authenticator for. */
export function optionsOf(page: Page): { challenge: string } & Record<string, unknown> {
  const text = /data-options="([^"]*)"/.exec(page.text)?.[1]
  assert.ok(text, `no passkey is asked for on ${page.url.href} (${page.status}): ${page.text}`)
  return JSON.parse(unescapeHtml(text)) as ReturnType<typeof optionsOf>
}

/** Signs in with login and password. */
export async function enterByPassword(house: House, browser: Browser, login = 'ana'): Promise<Page> {
  return browser.submit(await browser.open(`${house.origin}/sign-in`), { login, password }, { to: '/sign-in' })
}

/** The page on which the browser of somebody who signed in just now makes a passkey. */
export async function beginPasskey(house: House, browser: Browser, name = 'laptop'): Promise<Page> {
  const ways = await browser.open(`${house.origin}/sign-in/ways`)
  return browser.submit(ways, { name, current: password }, { to: '/sign-in/ways/passkeys' })
}

/** Adds a passkey for who is signed in in this browser. */
export async function addPasskey(
  house: House,
  browser: Browser,
  given: { authenticator?: FakeAuthenticator; name?: string; lie?: Lie } = {},
): Promise<{ authenticator: FakeAuthenticator; shown: Page }> {
  const { authenticator = new FakeAuthenticator(house.origin), name = 'laptop', lie = {} } = given
  const page = await beginPasskey(house, browser, name)
  const answer = authenticator.make(optionsOf(page), lie)
  const shown = await browser.submit(page, { answer }, { to: '/sign-in/ways/passkeys/add' })
  return { authenticator, shown }
}

/** Adds the first passkey for who is signed in by password in this browser, and signs in there with it. */
export async function addAndEnter(
  house: House,
  browser: Browser,
  given: Parameters<typeof addPasskey>[2] = {},
): Promise<{ authenticator: FakeAuthenticator; shown: Page }> {
  const { authenticator } = await addPasskey(house, browser, given)
  await enterByPasskey(house, browser, { authenticator })
  return { authenticator, shown: await browser.open(`${house.origin}/sign-in/ways`) }
}

/** The page on which a browser uses a passkey. */
export async function beginPasskeySignIn(house: House, browser: Browser, returnTo = '/you'): Promise<Page> {
  const page = await browser.open(`${house.origin}/sign-in?again&return_to=${encodeURIComponent(returnTo)}`)
  return browser.submit(page, {}, { to: '/sign-in/passkey/begin' })
}

/** Signs in with a passkey, or tries to. */
export async function enterByPasskey(
  house: House,
  browser: Browser,
  { authenticator, lie = {} }: { authenticator: FakeAuthenticator; lie?: Lie },
): Promise<Page> {
  const page = await beginPasskeySignIn(house, browser)
  return browser.submit(page, { answer: authenticator.use(optionsOf(page), lie) }, { to: '/sign-in/passkey' })
}
