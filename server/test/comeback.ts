import assert from 'node:assert/strict'
import { unescapeHtml, type Page } from './browser.ts'
import type { Person } from './person.ts'

/** Follows the link to an authorization server, and on, until it leads back to us: the path and query of that. */
export async function leadBack(begun: Page, origin: string): Promise<string> {
  const link = /<a class="button primary" href="([^"]+)"/.exec(begun.text)?.[1]
  assert.ok(link, begun.text)
  let at = new URL(unescapeHtml(link))
  while (at.origin !== origin) {
    const answer = await fetch(at, { redirect: 'manual' })
    const location = answer.headers.get('location')
    assert.ok(location, `answered ${answer.status} and led nowhere: ${await answer.text()}`)
    at = new URL(location)
  }
  return at.pathname + at.search
}

/** Says "Connect it" on the page to which an authorization server sent a browser back. */
export async function finishConnection(person: Person, shown: Page): Promise<Page> {
  const to = /action="(\/connect\/[^"]+)"/.exec(shown.text)?.[1]
  assert.ok(to, shown.text)
  return person.browser.submit(shown, {}, { to })
}
