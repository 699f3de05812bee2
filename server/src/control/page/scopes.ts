import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'

/** What an authorization server is asked for. */
export function scopeList(scope: string | undefined): Html {
  const scopes = (scope ?? '').split(' ').filter((one) => one !== '')
  if (scopes.length === 0) return html`<p>No scope is asked for: it decides by itself.</p>`
  return html`<p>Asked for: ${scopes.map((one) => html`<code>${visible(one)}</code> `)}</p>`
}
