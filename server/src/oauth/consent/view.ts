import { html, type Html, page } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Place } from '../../inventory/bundle.ts'
import type { Effect } from '../../model/effect.ts'
import { groupItems, type ItemGroup } from '../../model/item-group.ts'
import { type ArgumentLimits, describeLimits } from '../../model/limits.ts'
import { itemOf, type ItemKind } from '../../model/item.ts'
import type { Client } from '../../model/rights.ts'
import { publisherOf } from '../publisher.ts'
import { receiverOf } from '../client/redirect-uri.ts'
import { durations, usualDurationSeconds } from './form.ts'
import type { OfferedTool } from './offer.ts'

/** What the consent page shows. */
export interface ConsentView {
  uid: string
  csrf: string
  shown: string
  who: string
  client: Pick<Client, 'id' | 'source' | 'name'>
  redirectUri: string
  place: Pick<Place, 'name' | 'purpose' | 'bundle'>
  tools: OfferedTool[]
  /** Whether this client has a grant on this upstream now. */
  again: boolean
  /** Whether the access that it had ended because it changed its redirect addresses or keys. */
  changed: boolean
  /** What was wrong with the last answer. */
  problem: string | undefined
}

const effectWords: Record<Effect, { title: string; hint: string }> = {
  read: { title: 'Reads', hint: 'Looks things up and changes nothing.' },
  write: { title: 'Writes', hint: 'Adds or changes things.' },
  destructive: {
    title: 'Destroys',
    hint: 'Deletes, ends or resets things. Each single call waits until another person approves it.',
  },
}

const kindTexts: Record<ItemKind, { title: string; hint: string }> = {
  tool: { title: 'Tools', hint: 'Does things.' },
  prompt: { title: 'Prompts', hint: 'Ready-made requests that you choose in the program.' },
  resource: { title: 'Resources', hint: 'The program may read each of these.' },
  template: { title: 'Families of resources', hint: 'The program may read whatever is at an address of this form.' },
  method: { title: 'Methods', hint: 'Requests of another kind, which an administrator of this gateway declared.' },
  text: { title: 'Texts for the model', hint: 'What the server tells the model when the program connects.' },
  extension: { title: 'Extensions', hint: 'What the server tells the program that it can do besides.' },
}

const traitWords = {
  secret: 'returns secrets',
  money: 'moves money',
  outward: 'reaches others',
  execution: 'runs code',
  access: 'changes access',
} as const

/** Writes the consent page. Everything from the client and from the upstream is text of a stranger. */
export function consentPage(view: ConsentView): string {
  const name = visible(view.client.name)
  const upstream = view.place.name
  return page({
    title: `Connect ${name}`,
    width: 'narrow',
    body: html`<h1>Let “${name}” use <code>${upstream}</code>?</h1>
      ${view.problem && html`<p class="notice bad" role="alert">${view.problem}</p>`}
      <dl class="facts card">
        <dt>Program</dt>
        <dd><strong>${name}</strong></dd>
        <dt>Publisher</dt>
        <dd>${publisher(view.client)}</dd>
        <dt>Answer goes to</dt>
        <dd>${receiver(view.redirectUri)}</dd>
        <dt>Server</dt>
        <dd><code>${upstream}</code><br /><span class="small muted">${visible(view.place.purpose)}</span></dd>
        <dt>On behalf of</dt>
        <dd>${visible(view.who)}</dd>
      </dl>
      ${view.changed && changedSince} ${caution(view)}
      ${view.tools.length === 0 ? nothingToGive(view) : choiceForm(view)}`,
  })
}

/** Who stands behind a program, as far as anything proves it: the host that describes it. All else is its own word. */
export function publisher({ id, source }: ConsentView['client']): Html {
  if (source === 'configuration') return html`Your administrator registered it.`
  if (source === 'registration') {
    return html`<span class="badge warn">unverified</span><br />
      <span class="small muted">It registered itself here and chose its name. Nobody has checked who it is.</span>`
  }
  const { host } = new URL(id)
  const proof = publisherOf({ id, source }) === undefined ? '' : html`<span class="badge good">verified</span>`
  return html`<strong>${visible(host)}</strong> ${proof}<br />
    <span class="small muted">This host describes it: <code>${visible(id)}</code></span>`
}

const changedSince = html`<p class="notice warn">
  This program has changed since you gave it access: where its answers go, or the keys by which it proves itself. What
  it had has ended. Go on only if you still trust its publisher.
</p>`

function receiver(redirectUri: string): Html {
  const { kind, name } = receiverOf(redirectUri)
  if (kind === 'web') return html`<strong>${visible(name)}</strong>`
  if (kind === 'loopback') return html`a program on this computer, at <code>${visible(name)}</code>`
  return html`the program on this computer that opens <code>${visible(name)}</code> addresses`
}

function caution({ client, redirectUri }: ConsentView): Html | undefined {
  const receiver = receiverOf(redirectUri)
  if (receiver.kind === 'web') {
    const publishedAt = client.source === 'metadata-document' ? new URL(client.id).host : receiver.name
    if (receiver.name === publishedAt || receiver.name.endsWith(`.${publishedAt}`)) return undefined
    return html`<p class="notice warn">
      The answer goes to <strong>${visible(receiver.name)}</strong>, which is not the publisher. The publisher names it
      as an address of this program; go on only if you know why.
    </p>`
  }
  return html`<p class="notice warn">
    Any program on this computer can claim this name and wait for the answer. Go on only if you started this connection
    yourself, just now.
  </p>`
}

function nothingToGive(view: ConsentView): Html {
  return html`<p class="notice">
      You may not use any tool of <code>${view.place.name}</code> yet. Ask an administrator of this gateway, then
      connect again.
    </p>
    <form method="post" action="/consent/${view.uid}">
      <input type="hidden" name="csrf" value="${view.csrf}" />
      <div class="actions"><button name="answer" value="refuse">Go back</button></div>
    </form>`
}

function choiceForm(view: ConsentView): Html {
  return html`<form method="post" action="/consent/${view.uid}">
    <input type="hidden" name="csrf" value="${view.csrf}" />
    <input type="hidden" name="shown" value="${view.shown}" />
    ${
      view.again &&
      html`<p class="notice">
        This program has access now, on this or another device. What it had is ticked, except what destroys.
      </p>`
    }
    ${view.place.bundle === undefined ? itemGroups(view.tools, view.again) : byUpstream(view)}
    ${view.again && earlierAccess}
    <div class="field">
      <label for="duration">For how long</label>
      <select id="duration" name="duration">
        ${durations.map(
          ({ seconds, label }) =>
            html`<option value="${seconds}" ${seconds === usualDurationSeconds ? html` selected` : ''}>
              ${label}
            </option>`,
        )}
      </select>
      <p class="hint">You can withdraw it at any time.</p>
    </div>
    <div class="actions">
      <button class="primary" name="answer" value="accept">Accept</button>
      <button name="answer" value="refuse">Refuse</button>
    </div>
  </form>`
}

/** A bundle gives nothing by itself: what is ticked is given upstream by upstream. */
function byUpstream({ tools, again }: ConsentView): Html {
  const upstreams = [...Map.groupBy(tools, (tool) => tool.upstream)]
  return html`${upstreams.map(
    ([upstream, some]) =>
      html`<section class="stack">
        <h2><code>${upstream}</code></h2>
        ${itemGroups(some, again)}
      </section>`,
  )}`
}

function itemGroups(tools: OfferedTool[], again: boolean): Html {
  return html`${groupItems(tools).map((group) => itemGroup(group, again))}`
}

const earlierAccess = html`<ul class="choices">
  <li>
    <label>
      <input type="checkbox" name="replace" value="yes" checked />
      <span>
        <span class="name">End the access that it had</span><br />
        <span class="small muted">Untick this only if you use it on another device as well.</span>
      </span>
    </label>
  </li>
</ul>`

function itemGroup({ kind, effect, items }: ItemGroup<OfferedTool>, again: boolean): Html {
  const { title, hint } = effect === undefined ? kindTexts[kind] : effectWords[effect]
  return html`<fieldset class="stack tight">
    <legend><span class="badge ${effect ?? ''}">${title}</span> <span class="muted">${items.length}</span></legend>
    <p class="hint">${hint}</p>
    <ul class="choices">
      ${items.map((item) => itemChoice(item, again))}
    </ul>
  </fieldset>`
}

function limitLines(lead: string, limits: ArgumentLimits): Html {
  const lines = describeLimits(limits)
  if (lines.length === 0) return html``
  return html`<span class="small"
    >${lead} ${lines.map((line, at) => html`${at > 0 && ', and '}<strong>${visible(line)}</strong>`)}</span
  >`
}

function itemChoice(tool: OfferedTool, again: boolean): Html {
  const { kind, key } = itemOf(tool.name)
  const words = tool.description ?? (tool.title === key ? undefined : tool.title)
  return html`<li>
    <label>
      <input type="checkbox" name="tool" value="${tool.path}" ${tool.preselected ? html` checked` : ''} />
      <span>
        <span class="name">
          <span>${visible(key)}</span>
          ${kind !== 'tool' && tool.effect !== 'read' && html`<span class="badge ${tool.effect}">${effectWords[tool.effect].title}</span>`}
          ${tool.traits.map((trait) => html`<span class="badge trait">${traitWords[trait]}</span>`)}
          ${again && !tool.had ? html`<span class="badge">new</span>` : ''}
        </span>
        ${words && html`<span class="small muted">${visible(words)}</span>`}
        ${tool.limits && limitLines('Only if', tool.limits)}
        ${tool.hadOnly && limitLines('Until now only if', tool.hadOnly)}
      </span>
    </label>
  </li>`
}
