import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { countItems } from '../../model/item-group.ts'
import type { Tool } from '../../model/tool.ts'
import type { Upstream } from '../../model/upstream.ts'
import { resourceFor } from '../../oauth/metadata.ts'
import { listSeen } from '../known.ts'
import type { PageRoute, Visit } from '../page.ts'
import { lookForWork, type Work } from '../work.ts'
import { clientHref } from './client-facts.ts'
import { counted, distance, fold, stateBadge } from './elements.ts'

export const startPage: PageRoute = {
  path: '/',
  guard: 'signed-in',
  async show(rooms, visit) {
    const { principal, administrator } = visit.viewer
    const now = rooms.clock.now()
    const work = await lookForWork(rooms, visit.viewer)
    const rights = await rooms.inventory.listRights(principal.id)
    const usable = new Set(rights.filter(({ right }) => right === 'use').map(({ upstream }) => upstream))
    const serving = (await listSeen(rooms, visit.viewer)).filter(({ state }) => state === 'approved')
    const grants = await rooms.oauth.listGrants({ principalId: principal.id, activeAt: now })
    const items = todo(work, now)
    return {
      title: 'Start',
      body: html`<h1>Welcome, ${visible(principal.name)}</h1>
        <section class="stack tight" aria-labelledby="todo">
          <h2 id="todo">What needs you</h2>
          ${
            items.length > 0
              ? html`<ul class="todo">
                  ${items}
                </ul>`
              : html`<p class="muted">Nothing. All quiet.</p>`
          }
        </section>
        ${noRights(visit, usable)}
        <section class="stack" aria-labelledby="connect">
          <h2 id="connect">Connect a client</h2>
          ${serving
            .filter(({ name }) => usable.has(name))
            .map((upstream) => connection(upstream, resourceFor(rooms.config.origin, upstream.name)))}
        </section>
        <section class="stack tight" aria-labelledby="grants">
          <h2 id="grants">Your grants</h2>
          <p>
            ${
              grants.length === 0
                ? 'No client acts for you yet. The first one to connect asks on a page which tools it may use.'
                : html`${counted(grants.length, 'client grant', 'client grants')} in force.
                    <a href="/grants">Look at them, or revoke one</a>`
            }
          </p>
        </section>
        ${
          administrator &&
          html`<p class="muted small">
            You administer this gateway: ${counted(serving.length, 'upstream serves', 'upstreams serve')},
            ${await rooms.ledger.size()} entries in the <a href="/ledger">ledger</a>.
          </p>`
        }`,
    }
  },
}

function noRights({ viewer }: Visit, usable: ReadonlySet<string>): Html {
  if (usable.size > 0) return html``
  if (!viewer.administrator) {
    return html`<p class="notice warn">You have no rights to tools yet: ask an administrator for some.</p>`
  }
  return html`<p class="notice">
    To administer is not to use: you have no rights to tools yet.
    <a href="/people/${viewer.principal.id}#give">Give yourself some</a>, which the ledger records.
  </p>`
}

function todo(work: Work, now: number): Html[] {
  const line = (href: string, text: Html, more: Html | string = '') =>
    html`<li>
      <a href="${href}"><span>${text}</span> <span class="muted small">${more}</span></a>
    </li>`
  return [
    ...work.approvals.map((approval) =>
      line(
        `/approvals/${approval.id}`,
        html`A call of <strong>${visible(approval.tool)}</strong> on ${approval.upstream} waits for your answer`,
        `ends ${distance(approval.expiresAt, now)}`,
      ),
    ),
    ...work.waitingClients.map(({ id, name }) =>
      line(clientHref(id), html`The client <strong>${visible(name)}</strong> waits for admission`),
    ),
    ...work.inReview.map(({ name }) => line(`/upstreams/${name}`, html`<strong>${name}</strong> is in review`)),
    ...work.proposed.map(({ name }) => line(`/upstreams/${name}`, html`<strong>${name}</strong> was proposed`)),
    ...withheld(work.drifted, 'changed since accepted, and withheld').map(([href, text]) => line(href, text)),
    ...withheld(work.fresh, 'new, and withheld').map(([href, text]) => line(href, text)),
    ...work.failing.map(({ name }) =>
      line(`/upstreams/${name}`, html`<strong>${name}</strong> could not be looked at`, stateBadge('approved')),
    ),
    ...work.unowned.map(({ name }) => line(`/upstreams/${name}`, html`<strong>${name}</strong> has no owner`)),
  ]
}

function withheld(tools: readonly Tool[], what: string): [string, Html][] {
  const byUpstream = Map.groupBy(tools, (tool) => tool.upstream)
  return [...byUpstream].map(([upstream, some]) => [
    `/upstreams/${upstream}#withheld`,
    html`<strong>${upstream}</strong>: ${countItems(some)} ${some.length === 1 ? 'is' : 'are'} ${what}`,
  ])
}

function connection(upstream: Upstream, address: string): Html {
  const { name } = upstream
  const code = JSON.stringify({ servers: { [name]: { type: 'http', url: address } } }, null, 2)
  return html`<article class="card">
    <div class="stack tight">
      <h3><a href="/upstreams/${name}">${name}</a></h3>
      <p class="muted">${visible(upstream.purpose)}</p>
    </div>
    <pre class="copy" tabindex="0">${address}</pre>
    ${fold('Claude Code', html`<pre class="copy" tabindex="0">claude mcp add --transport http ${name} ${address}</pre>`)}
    ${fold(
      'VS Code',
      html`<div class="stack tight">
        <p>In <code>.vscode/mcp.json</code>:</p>
        <pre class="copy" tabindex="0">${code}</pre>
      </div>`,
    )}
    ${fold(
      'A script',
      html`<div class="stack tight">
        <p>
          With <code>@modelcontextprotocol/client</code>. Its <code>authProvider</code> opens the browser once, so that
          you can choose what the script may use.
        </p>
        <pre class="copy" tabindex="0">${script(address)}</pre>
      </div>`,
    )}
  </article>`
}

function script(address: string): string {
  return `import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'

const client = new Client({ name: 'my-script', version: '1.0.0' })
await client.connect(new StreamableHTTPClientTransport(new URL('${address}'), { authProvider }))
console.log(await client.listTools())`
}
