import assert from 'node:assert/strict'
import type { Principal } from '../src/model/principal.ts'
import { Agent } from './agent.ts'
import { formOf, type Browser, type Page } from './browser.ts'
import { codeOf, type OAuthClient } from './oauth-client.ts'

/** What a person must know of the house. */
interface Home {
  url: string
  register(metadata: Record<string, unknown>): Promise<OAuthClient>
}

/** A person of the house, with a browser in which they are signed in. */
export class Person {
  readonly #house: Home
  readonly principal: Principal
  readonly browser: Browser

  constructor(house: Home, principal: Principal, browser: Browser) {
    this.#house = house
    this.principal = principal
    this.browser = browser
  }

  /**
   * Connects a client to an upstream by the whole dance: registration, login, consent, code, token.
   * `options.client` is one that registered before.
   *
   * @param tools to choose on the consent page; absent: what the page proposes; `all`: every tool that is offered.
   */
  async connect(
    upstream: string,
    tools?: string[] | 'all',
    options: { duration?: string; client?: OAuthClient } = {},
  ): Promise<Agent> {
    const client = options.client ?? (await this.#house.register({ client_name: 'a script' }))
    const page = await this.consent(await this.browser.open(client.authorizeUrl(upstream)), tools, options)
    const resource = client.resourceOf(upstream)
    const tokens = await client.redeem(codeOf(page), { resource })
    assert.equal(tokens.status, 200, JSON.stringify(tokens))
    return new Agent({ origin: this.#house.url, upstream, client: client.id, resource, tokens })
  }

  /** Answers the consent page with yes. */
  consent(page: Page, tools?: string[] | 'all', options: { duration?: string } = {}): Promise<Page> {
    const offered = formOf(page).fields.filter((field) => field.name === 'tool')
    const chosen = tools === undefined ? undefined : tools === 'all' ? offered.map((field) => field.value) : tools
    const values = { ...(chosen && { tool: chosen }), ...(options.duration && { duration: options.duration }) }
    return this.browser.submit(page, { ...values, answer: 'accept' })
  }

  /** Answers an approval on its page. */
  async answer(url: string, approve: boolean, reason = 'looked at it'): Promise<Page> {
    const page = await this.browser.open(url)
    return this.browser.submit(page, { reason, answer: approve ? 'approve' : 'deny' })
  }
}
