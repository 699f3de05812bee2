import type { TestContext } from 'node:test'
import type { Principal } from '../src/model/principal.ts'
import { whoIs } from './administrator.ts'
import type { Browser, Page } from './browser.ts'
import { type FakeIdp, type FakePerson, openFakeIdp } from './fake/idp.ts'
import { openFakeHouse, type FakeHouse } from './fake-house.ts'
import { Person } from './person.ts'

/** The client that scripted providers know us as. */
export const client = { id: 'sallyport', secret: 'the client secret' }

/** A house with the upstream `desk`, whose people come through a scripted provider, `company`. */
export interface ProviderHouse extends FakeHouse {
  idp: FakeIdp
  /** Signs in whom the provider has before the browser now; the page says what came of it. */
  signIn(browser?: Browser): Promise<Page>
  /** The same, and who it is. */
  enter(person?: FakePerson): Promise<Person>
  /** Who is signed in in a browser. */
  whoIs(browser: Browser): Promise<Principal | undefined>
}

type Settings = Record<string, unknown>

/** Opens it; `settings` are those of the provider in the configuration, beside what is needed to reach it. */
export async function openProviderHouse(
  t: TestContext,
  settings: Settings | ((issuer: string) => Settings) = {},
  person: FakePerson = { sub: 'a-1', name: 'Ana Work', email: 'ana@example.org' },
): Promise<ProviderHouse> {
  const idp = await openFakeIdp(client, person)
  t.after(() => idp.close())
  const own = typeof settings === 'function' ? settings(idp.issuer) : settings
  const provider = {
    id: 'company',
    name: 'Company',
    issuer: idp.issuer,
    clientId: client.id,
    ...('clientAuthentication' in own ? {} : { clientSecretEnv: 'IDP_SECRET' }),
    ...own,
  }
  const yaml = `login: ${JSON.stringify({ oidc: [provider] })}`
  const opened = await openFakeHouse(t, {
    reach: [idp.issuer],
    house: { yaml, env: { IDP_SECRET: client.secret } },
  })
  const { house } = opened
  idp.clock = house.clock
  const provided: ProviderHouse = {
    ...opened,
    idp,
    async signIn(browser = house.browser()) {
      const page = await browser.open(`${house.origin}/sign-in?return_to=/sign-out`)
      return browser.follow(page, '/sign-in/with/company?return_to=/sign-out')
    },
    async enter(as) {
      if (as !== undefined) idp.person = as
      const browser = house.browser()
      const landed = await provided.signIn(browser)
      const principal = await provided.whoIs(browser)
      if (principal === undefined) throw new Error(`nobody was signed in: ${landed.text}`)
      return new Person(house, principal, browser)
    },
    whoIs: async (browser) => (await whoIs(house, browser))?.principal,
  }
  return provided
}
