import { Fault } from '../../base/fault.ts'
import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { WideningOffer } from '../../oauth/widening.ts'
import type { PageRoute } from '../page.ts'
import { countItems, groupItems } from '../../model/item-group.ts'
import { effectBadge, form, hidden, itemLabel, traitBadges } from './elements.ts'

type Offered = WideningOffer['tools'][number]

/** Where a refused call leads: the holder of the grant adds what it lacks, or leaves it. */
export const widenPage: PageRoute = {
  path: '/grants/{id}/widen',
  guard: 'signed-in',
  async show({ oauth }, { viewer, params, query, csrf }) {
    const grantId = params['id']!
    const offer = await oauth.offerWidening({ principalId: viewer.principal.id, grantId })
    if (offer === undefined) {
      throw new Fault('control.not_found', 'cannot add to this grant: there is no such grant of yours in force')
    }
    const wanted = query.get('tool')
    const first = offer.tools.filter(({ path }) => path === wanted)
    const others = offer.tools.filter(({ path }) => path !== wanted)
    const name = visible(offer.clientName)
    return {
      title: 'Add to a grant',
      width: 'narrow',
      body: html`<h1>Let “${name}” use more of <code>${offer.place.name}</code>?</h1>
        <p class="lead">
          You gave this program a grant. What you add holds as long as the grant, and you can revoke both at any time.
          Go on only if you know why it asks.
        </p>
        ${
          offer.tools.length === 0
            ? html`<p class="notice">There is nothing to add: it has all that you may use here.</p>
                <div class="actions"><a class="button" href="/grants">Your grants</a></div>`
            : form({ action: `/grants/${grantId}/widen`, csrf, content: choice({ offer, first, others }) })
        }`,
    }
  },
}

function choice({ offer, first, others }: { offer: WideningOffer; first: Offered[]; others: Offered[] }): Html {
  return html`${hidden({ shown: offer.shown })}
    ${first.length > 0 && html`<div class="card">${boxes(first, true)}</div>`}
    ${
      others.length > 0 &&
      html`<details ${first.length === 0 ? html`open` : ''}>
        <summary>${first.length > 0 ? 'Something else too' : 'What you may add'} (${others.length})</summary>
        ${groupItems(others).map(
          ({ effect, items }) =>
            html`<fieldset>
              <legend>
                ${effect !== undefined && effectBadge(effect)} <span class="muted small">${countItems(items)}</span>
              </legend>
              ${boxes(items, false)}
            </fieldset>`,
        )}
      </details>`
    }
    <div class="actions">
      <button class="primary">Add what is ticked</button>
      <a class="button quiet" href="/grants">Add nothing</a>
    </div>`
}

// What destroys is never ticked beforehand.
function boxes(tools: readonly Offered[], asked: boolean): Html {
  return html`<ul class="choices">
    ${tools.map(
      (tool) =>
        html`<li>
          <label>
            <input
              type="checkbox"
              name="tool"
              value="${tool.path}"
              ${asked && tool.effect !== 'destructive' ? html`checked` : ''}
            />
            <span>
              <span class="name">${itemLabel(tool.name)} ${effectBadge(tool.effect)} ${traitBadges(tool.traits)}</span>
              ${tool.description !== undefined && html`<span class="small muted">${visible(tool.description)}</span>`}
            </span>
          </label>
        </li>`,
    )}
  </ul>`
}
