import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { compareEffect, effects } from '../../model/effect.ts'
import { countItems, groupItems } from '../../model/item-group.ts'
import { itemOf } from '../../model/item.ts'
import type { Principal } from '../../model/principal.ts'
import type { Pin, Tool } from '../../model/tool.ts'
import type { Upstream } from '../../model/upstream.ts'
import type { ControlRooms } from '../rooms.ts'
import {
  effectBadge,
  form,
  itemLabel,
  person,
  pinBadge,
  prose,
  reasonField,
  toolHref,
  traitBadges,
} from './elements.ts'

/** The tools that wait to be accepted, each with what is new about it: the box stands for the definition that is shown. */
export async function withheldTools(
  { inventory }: ControlRooms,
  { tools, csrf, pins = ['new', 'drifted'] }: { tools: readonly Tool[]; csrf: string; pins?: readonly Pin[] },
): Promise<Html> {
  const waiting = tools.filter(({ pin, liveDigest }) => pins.includes(pin) && liveDigest !== undefined)
  const [first] = waiting
  if (first === undefined) return html``
  const lines: Html[] = []
  for (const tool of waiting) lines.push(await withheldTool(inventory, tool))
  return html`<section class="stack tight" aria-labelledby="withheld">
    <h2 id="withheld">Withheld: ${countItems(waiting)} to accept</h2>
    <p class="muted">
      What an upstream says of what it offers is a stranger's word. Accepting serves exactly the definitions that are
      shown here.
    </p>
    ${form({
      action: `/upstreams/${first.upstream}/tools/accept`,
      csrf,
      content: html`<ul class="choices">
          ${lines}
        </ul>
        ${reasonField('why-accept', 'Why are they right?')}
        <div class="actions"><button class="primary">Accept the chosen ones</button></div>`,
    })}
  </section>`
}

async function withheldTool(inventory: ControlRooms['inventory'], tool: Tool): Promise<Html> {
  const detail = await inventory.findToolDetail(tool.upstream, tool.name)
  const { description, text, title, name } = detail?.live ?? {}
  const told = description ?? text ?? title ?? (name === itemOf(tool.name).key ? undefined : name)
  return html`<li>
    <label>
      <input type="checkbox" name="accept" value="${tool.liveDigest} ${tool.name}" />
      <span>
        <span class="name"
          >${itemLabel(tool.name)} ${effectBadge(tool.effect)}${traitBadges(tool.traits)} ${pinBadge(tool.pin)}</span
        >
        ${tool.pin === 'new' && typeof told === 'string' && html`<span class="muted small told">${visible(told, 'many')}</span>`}
        ${detail?.drift.map(
          ({ field, what }) => html`<span class="small drift"><code>${visible(field)}</code> ${prose(what)}</span>`,
        )}
        ${detail?.suspicions.map((one) => html`<span class="error">Suspicious: ${visible(one)}</span>`)}
        <a class="small" href="${toolHref(tool)}">The whole definition</a>
      </span>
    </label>
  </li>`
}

/** All that an upstream offers: tools by effect, gravest first, then each other kind. */
export function toolLists(
  tools: readonly Tool[],
  { names, upstream }: { names: ReadonlyMap<string, Principal>; upstream: Upstream },
): Html {
  if (tools.length === 0) return html`<p class="empty">No tools are known of it yet.</p>`
  return html`<section class="stack" aria-labelledby="tools">
    <h2 id="tools">${countItems(tools)}</h2>
    ${groupItems(tools, effects.toReversed()).map(({ effect, items: some }) => {
      const above = effect !== undefined && compareEffect(effect, upstream.ceiling) > 0
      return html`<details ${some.length <= 12 ? html`open` : ''}>
        <summary>
          ${effect !== undefined && effectBadge(effect)} ${countItems(some)}
          ${above && html`<span class="badge bad">above the gravest effect allowed</span>`}
        </summary>
        <ul class="plain">
          ${some.map((tool) => toolLine(tool, { names, upstream }))}
        </ul>
      </details>`
    })}
  </section>`
}

function toolLine(
  tool: Tool,
  { names, upstream }: { names: ReadonlyMap<string, Principal>; upstream: Upstream },
): Html {
  const { kind, key } = itemOf(tool.name)
  return html`<li class="row">
    <a href="${toolHref(tool)}">${visible(kind === 'tool' ? tool.name : key)}</a>
    ${kind !== 'tool' && tool.effect !== 'read' && effectBadge(tool.effect)} ${traitBadges(tool.traits)}
    ${tool.pin !== 'pinned' && pinBadge(tool.pin)}
    ${tool.effectSetBy !== undefined && html`<span class="badge">set by its owner</span>`}
    ${
      tool.ownerId !== upstream.ownerId &&
      html`<span class="muted small">owned by ${person(names.get(tool.ownerId ?? ''))}</span>`
    }
  </li>`
}
