import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { effects, traits } from '../../model/effect.ts'
import { kindWords } from '../../model/item-group.ts'
import { itemOf, type ItemKind } from '../../model/item.ts'
import type { Tool } from '../../model/tool.ts'
import { getSeen, unknown } from '../known.ts'
import type { PageRoute, Visit } from '../page.ts'
import { readNames } from '../people.ts'
import type { ControlRooms } from '../rooms.ts'
import {
  effectBadge,
  fold,
  form,
  hidden,
  option,
  person,
  pinBadge,
  prose,
  reasonField,
  traitBadges,
} from './elements.ts'
import { withheldTools } from './tool-lists.ts'

export const toolPage: PageRoute = {
  path: '/upstreams/{name}/tool',
  guard: 'signed-in',
  async show(rooms, visit) {
    const { viewer, params, query, csrf } = visit
    const upstream = await getSeen(rooms, viewer, params['name']!)
    const detail = (await rooms.inventory.findToolDetail(upstream.name, query.get('name') ?? '')) ?? unknown('tool')
    const { tool, pinned, live, suspicions } = detail
    const names = await readNames(rooms, [tool.ownerId, tool.effectSetBy])
    const mayChange = viewer.administrator || tool.ownerId === viewer.principal.id
    const definition = live ?? pinned
    const { kind, key } = itemOf(tool.name)
    return {
      title: visible(tool.name),
      body: html`<div class="stack tight">
          <p class="small"><a href="/upstreams/${upstream.name}">${upstream.name}</a></p>
          <h1 class="long">${visible(key)}</h1>
          <p class="row">
            ${kind !== 'tool' && html`<span class="badge">${kindWords[kind].one}</span>`}
            ${effectBadge(tool.effect)}${traitBadges(tool.traits)}${pinBadge(tool.pin)}
          </p>
        </div>
        ${suspicions.map((one) => html`<p class="notice bad">Suspicious: ${visible(one)}</p>`)}
        ${mayChange ? await withheldTools(rooms, { tools: [tool], csrf, pins: ['new', 'drifted', 'withdrawn'] }) : ''}
        <div class="card">
          <dl class="facts">
            <dt>Why this effect</dt>
            <dd>
              ${
                tool.effectSetBy === undefined
                  ? html`<ul class="plain">
                      ${tool.because.map((one) => html`<li>${prose(one)}</li>`)}
                    </ul>`
                  : html`set by ${person(names.get(tool.effectSetBy))}: “${visible(tool.effectReason ?? '')}”`
              }
            </dd>
            <dt>Owner</dt>
            <dd>${person(names.get(tool.ownerId ?? ''), { link: viewer.administrator })}</dd>
            <dt>Accepted definition</dt>
            <dd>${digest(tool.digest)}</dd>
            <dt>Live definition</dt>
            <dd>${tool.liveDigest === tool.digest ? 'the same' : digest(tool.liveDigest)}</dd>
            ${
              tool.allowedArguments.length > 0 &&
              html`<dt>Arguments that may hold <code>/</code> and the like</dt>
                <dd>${tool.allowedArguments.map((one) => html`<code>${one}</code> `)}</dd>`
            }
          </dl>
        </div>
        ${mayChange && (await changes(rooms, tool, visit))}
        <section class="stack tight" aria-labelledby="definition">
          <h2 id="definition">${live === undefined ? 'What was accepted' : 'What it says of itself'}</h2>
          <pre class="exact" tabindex="0">${visible(JSON.stringify(definition, null, 2), 'many')}</pre>
        </section>`,
    }
  },
}

// All others are shown or read as they are.
const hasArguments: ReadonlySet<ItemKind> = new Set<ItemKind>(['tool', 'prompt', 'template', 'method'])

function digest(text: string | undefined): Html {
  return text === undefined ? html`<span class="muted">none</span>` : html`<code>${text}</code>`
}

async function changes({ identity }: ControlRooms, tool: Tool, { csrf, viewer }: Visit): Promise<Html> {
  const step = (path: string, content: Html) =>
    form({
      action: `/upstreams/${tool.upstream}/tools/${path}`,
      csrf,
      content: html`${hidden({ tool: tool.name })}${content}`,
    })
  const people = viewer.administrator
    ? (await identity.listPrincipals({ limit: 500 })).filter(
        ({ kind, state }) => kind === 'person' && state === 'active',
      )
    : []
  return html`<section class="stack tight" aria-labelledby="changes">
    <h2 id="changes">Change</h2>
    ${fold('Effect and traits', step('effect', effectFields(tool)))}
    ${
      hasArguments.has(itemOf(tool.name).kind) &&
      fold(
        'Allow an argument to hold / and the like',
        step(
          'argument',
          html`<div class="field">
              <label for="argument">Argument</label>
              <input
                id="argument"
                name="argument"
                required
                maxlength="128"
                autocomplete="off"
                spellcheck="false"
                placeholder="filter.path"
              />
            </div>
            ${reasonField('why-argument')}
            <div class="actions"><button>Allow it</button></div>`,
        ),
      )
    }
    ${
      viewer.administrator &&
      fold(
        'Owner',
        step(
          'owner',
          html`<div class="field">
              <label for="ownerId">Who answers for it?</label>
              <select id="ownerId" name="ownerId" required>
                ${people.map(({ id, name }) => option(id, visible(name), id === tool.ownerId))}
              </select>
            </div>
            ${reasonField('why-owner')}
            <div class="actions"><button>Set the owner</button></div>`,
        ),
      )
    }
    ${
      tool.pin !== 'withdrawn' &&
      fold(
        'Withdraw',
        step(
          'withdraw',
          html`<p class="muted">
              Calls of it are refused at once, and pending approvals of it end, until it is accepted anew.
            </p>
            ${reasonField('why-withdraw')}
            <div class="actions">
              <button class="danger">Withdraw the ${kindWords[itemOf(tool.name).kind].one}</button>
            </div>`,
        ),
      )
    }
  </section>`
}

function effectFields(tool: Tool): Html {
  return html`<div class="field">
      <label for="effect">Effect</label>
      <select id="effect" name="effect">
        ${effects.map((effect) => option(effect, effect, effect === tool.effect))}
      </select>
    </div>
    <fieldset>
      <legend>Traits</legend>
      <div class="row">
        ${traits.map(
          (trait) =>
            html`<label class="check"
              ><input
                type="checkbox"
                name="traits"
                value="${trait}"
                ${tool.traits.includes(trait) ? html`checked` : ''}
              />
              ${trait}</label
            >`,
        )}
      </div>
    </fieldset>
    ${reasonField('why-effect')}
    <div class="actions"><button>Set the effect</button></div>`
}
