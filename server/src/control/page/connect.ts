import { html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { comebackShape } from '../action/connections.ts'
import { readInput } from '../action.ts'
import { requireConnecting } from '../connecting.ts'
import type { PageRoute } from '../page.ts'
import { form, hidden } from './elements.ts'
import { scopeList } from './scopes.ts'

/** Where who connects an upstream comes back to from an authorization server. Looking at it does nothing. */
export const connectPage: PageRoute = {
  path: '/connect/{mark}',
  guard: 'signed-in',
  async show(rooms, { viewer, csrf, query, params }) {
    const comeback = readInput(comebackShape, { ...readQuery(query), mark: params['mark'] })
    const { mark, ...sent } = comeback
    const asker = { principalId: viewer.principal.id, browser: viewer.browser }
    const waiting = await rooms.gateway.connections.find(comeback, asker)
    await requireConnecting(rooms, viewer, waiting)
    const { upstream, issuer, scope, own } = waiting
    return {
      title: `Connect ${upstream}`,
      width: 'narrow',
      body: html`<h1>Connect ${upstream}</h1>
        <div class="card">
          <p><code>${visible(issuer)}</code> sent you back with its consent.</p>
          ${scopeList(scope)}
          <p class="muted">
            ${
              own
                ? html`Your calls of <code>${upstream}</code>, and nobody else’s, use this authorization from then on.
                    You are <strong>${visible(viewer.principal.name)}</strong> here.`
                : html`Everybody who may call <code>${upstream}</code> calls it with this authorization from then on.`
            }
          </p>
          ${form({
            action: `/connect/${encodeURIComponent(mark)}`,
            csrf,
            content: html`${hidden(definedOf(sent))}
              <div class="actions">
                <button class="primary">Connect it</button>
                <a class="button" href="${own ? '/connections' : '/upstreams'}/${upstream}">Cancel</a>
              </div>`,
          })}
        </div>`,
    }
  },
}

// A parameter that stands twice is no answer that we could judge.
function readQuery(query: URLSearchParams): Record<string, string> {
  const once = [...query.keys()].filter((key) => query.getAll(key).length === 1)
  return Object.fromEntries(once.map((key) => [key, query.get(key)!]))
}

function definedOf(given: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(given).filter((pair): pair is [string, string] => pair[1] !== undefined))
}
