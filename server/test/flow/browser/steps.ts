import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { Agent } from '../../agent.ts'
import type { House } from '../../house.ts'
import { OAuthClient } from '../../oauth-client.ts'
import type { Person } from '../../person.ts'
import type { Window } from './chromium.ts'

export const password = 'correct horse battery staple'

/** Fills in the page of a one-time link, and ends on the start page. */
export async function join(page: Page, url: string, who: { name?: string; login: string }): Promise<void> {
  await page.goto(url)
  if (who.name !== undefined) await page.getByLabel('Your name').fill(who.name)
  await page.getByLabel('Login').fill(who.login)
  await page.getByLabel('Password').fill(password)
  await page.locator('main button.primary').click()
  await page.getByRole('heading', { level: 1, name: /^Welcome/ }).waitFor()
}

/** Fills in the sign-in page that is shown. */
export async function signIn(page: Page, login: string): Promise<void> {
  await page.getByLabel('Login').fill(login)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

/** Signs a person of the house in, without the page for it. */
export async function enterAs(window: Window, house: House, person: Person): Promise<void> {
  const value = person.browser.cookie('sallyport')
  assert.ok(value)
  await window.context.addCookies([{ name: 'sallyport', value, url: house.origin }])
}

/** Goes on with one key until this element has the focus, and sees that the focus shows. */
export async function reach(page: Page, selector: string, key = 'Tab'): Promise<void> {
  const target = page.locator(selector)
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press(key)
    if (await target.evaluate((element) => element.matches(':focus-visible'))) {
      assert.notEqual(await target.evaluate('(element) => getComputedStyle(element).outlineStyle'), 'none')
      return
    }
  }
  assert.fail(`${selector} cannot be reached with ${key}`)
}

/** An MCP client that waits on a loopback port for the answer of the gateway. */
export interface WaitingClient {
  clientId: string
  redirectUri: string
  /** The address that it opens in the browser. */
  authorizeUrl(upstream: string): URL
  /** What came to its address. */
  answer(): Promise<URLSearchParams>
  /** Trades the code of that answer. */
  redeem(upstream: string, code: string): Promise<Agent>
}

/** Starts a client that registers itself under this name. */
export async function openClient(
  t: Pick<TestContext, 'after'>,
  house: House,
  name = 'Claude Code',
): Promise<WaitingClient> {
  const answers: URLSearchParams[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://client.test')
    if (url.pathname === '/callback') answers.push(url.searchParams)
    const type = { 'content-type': 'text/html; charset=utf-8' }
    response.writeHead(200, type).end('<!doctype html><link rel="icon" href="data:,"><h1>You may close this tab</h1>')
    server.emit('answer')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`
  const { id: clientId } = await house.register({ client_name: name, redirect_uris: [redirectUri] })
  const client = new OAuthClient(house, { id: clientId, redirectUri })
  return {
    clientId,
    redirectUri,
    authorizeUrl: (upstream) => client.authorizeUrl(upstream, (params) => params.set('state', 'of-the-client')),
    async answer() {
      while (answers.length === 0) await once(server, 'answer', { signal: AbortSignal.timeout(30_000) })
      return answers.shift()!
    },
    async redeem(upstream, code) {
      const resource = client.resourceOf(upstream)
      const tokens = await client.redeem(code, { resource })
      assert.equal(tokens.status, 200, JSON.stringify(tokens))
      return new Agent({ origin: house.origin, upstream, client: clientId, resource, tokens })
    },
  }
}
