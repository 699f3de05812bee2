import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { readToolPath, toolPath } from '../../model/bundle.ts'
import { countItems, groupItems } from '../../model/item-group.ts'
import { itemOf } from '../../model/item.ts'
import { describeLimits } from '../../model/limits.ts'
import type { Grant } from '../../model/rights.ts'
import type { Tool } from '../../model/tool.ts'
import type { Visit } from '../page.ts'
import { readNames } from '../people.ts'
import type { ControlRooms } from '../rooms.ts'
import { effectBadge, form, instant, person, reasonField, toolHref } from './elements.ts'

/** Grants, each with its tools by effect and the way to revoke it. */
export async function grantCards(
  rooms: ControlRooms,
  { grants, visit }: { grants: readonly Grant[]; visit: Visit },
): Promise<Html> {
  const now = rooms.clock.now()
  const names = await readNames(
    rooms,
    grants.map(({ principalId }) => principalId),
  )
  const clients = new Map<string, string>()
  const tools = new Map<string, ReadonlyMap<string, Tool>>()
  for (const { clientId, upstream } of grants) {
    if (!clients.has(clientId))
      clients.set(clientId, (await rooms.oauth.findClient(clientId))?.name ?? 'unknown client')
    if (tools.has(upstream)) continue
    tools.set(upstream, await toolsAt(rooms, upstream))
  }
  return html`<div class="stack">
    ${grants.map((grant) => {
      const own = grant.principalId === visit.viewer.principal.id
      const ended = grant.revokedAt !== undefined || grant.endsAt <= now
      return html`<article class="card">
        <div class="row apart">
          <h3>${visible(clients.get(grant.clientId) ?? '')} → ${grant.upstream}</h3>
          ${ended && html`<span class="badge">${grant.revokedAt === undefined ? 'ended' : 'revoked'}</span>`}
          ${!ended && own && revoke(grant, visit, html`<button class="danger quiet">Revoke</button>`)}
        </div>
        <dl class="facts">
          ${
            !own &&
            html`<dt>${names.get(grant.principalId)?.kind === 'workload' ? 'In the name of' : 'Given by'}</dt>
              <dd>${person(names.get(grant.principalId), { link: true })}</dd>`
          }
          <dt>Client</dt>
          <dd><span class="mono">${visible(grant.clientId)}</span></dd>
          <dt>Given</dt>
          <dd>
            ${instant(grant.createdAt)}
            ${
              grant.issuer !== undefined &&
              html`<span class="muted">vouched for by ${visible(grant.issuer)}, without the consent page</span>`
            }
          </dd>
          <dt>${ended ? 'Ended' : 'Ends'}</dt>
          <dd>
            ${instant(grant.revokedAt ?? grant.endsAt)}
            ${grant.revokedBecause !== undefined && html`<span class="muted">“${visible(grant.revokedBecause)}”</span>`}
          </dd>
        </dl>
        ${byEffect(grant, tools.get(grant.upstream) ?? new Map())}
        ${
          !ended &&
          !own &&
          revoke(
            grant,
            visit,
            html`${reasonField(`why-${grant.id}`, 'Why does it end?')}
              <div class="actions"><button class="danger">Revoke this grant</button></div>`,
          )
        }
      </article>`
    })}
  </div>`
}

/** The tools behind an address, by what a grant of it calls them. */
async function toolsAt({ inventory }: ControlRooms, address: string): Promise<ReadonlyMap<string, Tool>> {
  const place = await inventory.findPlace(address)
  const all = await Promise.all((place?.upstreams ?? []).map((upstream) => inventory.listTools(upstream)))
  const path = (tool: Tool) => (place?.bundle === undefined ? tool.name : toolPath(tool.upstream, tool.name))
  return new Map(all.flat().map((tool) => [path(tool), tool]))
}

function revoke(grant: Grant, { csrf }: Visit, content: Html): Html {
  return form({ action: `/grants/${grant.id}/revoke`, csrf, content })
}

function limitsOf({ limits }: Grant, path: string): Html {
  const lines = describeLimits(limits?.get(path) ?? {})
  return lines.length === 0 ? html`` : html`<span class="muted small">only if ${visible(lines.join(', and '))}</span>`
}

function byEffect(grant: Grant, known: ReadonlyMap<string, Tool>): Html {
  // No upstream has a `/` in its name; a tool that is gone is told apart from a bundle's by what is known beside it.
  const bundled = [...known].some(([path, tool]) => path !== tool.name)
  const chosen = [...grant.tools.keys()].map((path) => {
    const place = bundled ? readToolPath(path) : { upstream: grant.upstream, tool: path }
    return { path, name: place.tool, upstream: place.upstream, effect: known.get(path)?.effect ?? ('read' as const) }
  })
  return html`${groupItems(chosen).map(({ effect, items: some }) => {
    return html`<details>
      <summary>${effect !== undefined && effectBadge(effect)} ${countItems(some)}</summary>
      <ul class="plain">
        ${some.map(
          ({ path, name, upstream }) =>
            html`<li>
              <a href="${toolHref({ upstream, name })}">${visible(itemOf(name).key)}</a>
              ${upstream !== grant.upstream && html`<span class="muted small">${upstream}</span>`}
              ${limitsOf(grant, path)} ${!known.has(path) && html`<span class="badge">gone</span>`}
              ${
                known.get(path)?.digest !== grant.tools.get(path) &&
                html`<span class="badge warn">changed since: needs a new consent</span>`
              }
            </li>`,
        )}
      </ul>
    </details>`
  })}`
}
