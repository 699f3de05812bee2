import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { nameInBundle, type Bundle } from '../../model/bundle.ts'
import { itemOf } from '../../model/item.ts'
import { resourceFor } from '../../oauth/metadata.ts'
import { getSeenBundle, listSeen } from '../known.ts'
import type { PageRoute, Visit } from '../page.ts'
import { readNames } from '../people.ts'
import type { ControlRooms } from '../rooms.ts'
import { bundleFields } from './bundle-form.ts'
import { effectBadge, fold, form, instant, person, reasonField, stateBadge, toolHref } from './elements.ts'

export const bundlePage: PageRoute = {
  path: '/bundles/{name}',
  guard: 'signed-in',
  async show(rooms, visit) {
    const { viewer, params } = visit
    const bundle = await getSeenBundle(rooms, viewer, params['name']!)
    const names = await readNames(rooms, [bundle.ownerId])
    const serves = bundle.state === 'serving'
    return {
      title: bundle.name,
      body: html`<div class="stack tight">
          <h1>${bundle.name} ${stateBadge(bundle.state)}</h1>
          <p class="lead">${visible(bundle.purpose)}</p>
        </div>
        <div class="card">
          <dl class="facts">
            <dt>Address for clients</dt>
            <dd><code>${resourceFor(rooms.config.origin, bundle.name)}</code></dd>
            <dt>Owner</dt>
            <dd>${person(names.get(bundle.ownerId ?? ''), { link: viewer.administrator })}</dd>
            <dt>Made</dt>
            <dd>${instant(bundle.createdAt)}</dd>
            <dt>Changed</dt>
            <dd>${instant(bundle.changedAt)}</dd>
          </dl>
        </div>
        ${await members(rooms, bundle, visit)} ${viewer.administrator && serves && (await steps(rooms, bundle, visit))}`,
    }
  },
}

async function members(rooms: ControlRooms, bundle: Bundle, { viewer }: Visit): Promise<Html> {
  const seen = new Map((await listSeen(rooms, viewer)).map((upstream) => [upstream.name, upstream]))
  const sections: Html[] = []
  for (const member of bundle.members) {
    const upstream = seen.get(member.upstream)
    if (upstream === undefined) continue
    const tools = (await rooms.inventory.listTools(upstream.name)).filter(
      (tool) => tool.pin === 'pinned' && itemOf(tool.name).kind === 'tool',
    )
    const mistakable = new Set(await rooms.inventory.listMistakable(bundle.name, member))
    sections.push(
      html`<section class="card stack">
        <h2><a href="/upstreams/${upstream.name}">${upstream.name}</a> ${stateBadge(upstream.state)}</h2>
        ${
          mistakable.size > 0 &&
          html`<p class="notice warn">
            Left out, because they could be taken for one another:
            ${[...mistakable].map((tool, at) => html`${at > 0 && ', '}<code>${tool}</code>`)}. Withdraw all but one.
          </p>`
        }
        <ul class="plain">
          ${tools
            .filter((tool) => !mistakable.has(tool.name))
            .map(
              (tool) =>
                html`<li>
                  ${effectBadge(tool.effect)}
                  <a href="${toolHref(tool)}"><code>${nameInBundle(bundle.name, member, tool.name)}</code></a>
                </li>`,
            )}
        </ul>
      </section>`,
    )
  }
  return html`${sections}`
}

async function steps(rooms: ControlRooms, bundle: Bundle, visit: Visit): Promise<Html> {
  const { csrf } = visit
  const change = form({
    action: `/bundles/${bundle.name}/change`,
    csrf,
    content: html`${await bundleFields(rooms, visit, bundle)}
      <div class="actions"><button class="primary">Change it</button></div>`,
  })
  const retire = form({
    action: `/bundles/${bundle.name}/retire`,
    csrf,
    content: html`${reasonField('why-retired', 'Why is it retired?')}
      <p class="hint">This is final. All grants of its address end; those of the upstreams' own addresses stay.</p>
      <div class="actions"><button class="danger">Retire it</button></div>`,
  })
  return html`<section class="card stack">${fold('Change it', change)} ${fold('Retire it', retire)}</section>`
}
