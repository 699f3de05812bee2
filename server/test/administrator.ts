import type { Browser } from './browser.ts'
import type { House } from './house.ts'

/** The password of everybody in these tests. */
export const password = 'correct horse battery'

/** A browser in which the first administrator, Ana, is signed in: she came by the one-time link. */
export async function administratorOf(house: House): Promise<Browser> {
  const browser = house.browser()
  const link = (await house.rooms.identity.firstAdministratorLink())!
  const values = { name: 'Ana', login: 'ana', password }
  await browser.submit(await browser.open(link), values, { to: new URL(link).pathname })
  return browser
}

/** Who is signed in in a browser, as the pages would ask it. */
export function whoIs(house: House, browser: Browser) {
  const headers = { cookie: browser.cookieFor(new URL(house.url)) }
  return house.rooms.identity.whoIs({ headers } as never)
}
