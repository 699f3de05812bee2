import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Effect, Trait } from '../../model/effect.ts'
import { kindWords } from '../../model/item-group.ts'
import { itemOf } from '../../model/item.ts'
import type { Principal } from '../../model/principal.ts'
import type { ApprovalState, ClientState } from '../../model/rights.ts'
import type { Pin, Tool } from '../../model/tool.ts'
import type { UpstreamState } from '../../model/upstream.ts'

export function effectBadge(effect: Effect): Html {
  return html`<span class="badge ${effect}">${effect}</span>`
}

export function traitBadges(traits: readonly Trait[]): Html {
  return html`${traits.map((trait) => html`<span class="badge trait">${trait}</span> `)}`
}

const pins: Record<Pin, { tone: string; label: string }> = {
  pinned: { tone: 'good', label: 'accepted' },
  new: { tone: 'warn', label: 'new, withheld' },
  drifted: { tone: 'bad', label: 'changed, withheld' },
  gone: { tone: '', label: 'no longer offered' },
  withdrawn: { tone: 'bad', label: 'withdrawn' },
}

export function pinBadge(pin: Pin): Html {
  return html`<span class="badge ${pins[pin].tone}">${pins[pin].label}</span>`
}

const states: Record<
  UpstreamState | ApprovalState | ClientState | 'admitted' | 'serving' | 'ended' | 'disabled' | 'must_sign_in',
  string
> = {
  proposed: 'warn',
  in_review: 'warn',
  approved: 'good',
  suspended: 'bad',
  retired: '',
  pending: 'warn',
  denied: 'bad',
  spent: '',
  expired: '',
  cancelled: '',
  active: 'good',
  waiting: 'warn',
  admitted: 'good',
  refused: 'bad',
  serving: 'good',
  ended: '',
  disabled: 'bad',
  must_sign_in: 'warn',
  revoked: 'bad',
}

export function stateBadge(state: keyof typeof states): Html {
  return html`<span class="badge ${states[state]}">${state.replaceAll('_', ' ')}</span>`
}

/** A sentence of ours, in which what stands in backticks is a name. */
export function prose(text: string): Html {
  return html`${text.split('`').map((part, at) => (at % 2 === 1 ? html`<code>${visible(part)}</code>` : visible(part)))}`
}

/** An instant, in UTC: pages know no time zone. */
export function instant(at: number | undefined, to: 'minutes' | 'seconds' = 'minutes'): Html {
  if (at === undefined) return html`<span class="muted">never</span>`
  const iso = new Date(at).toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, to === 'minutes' ? 16 : 19)} UTC</time>`
}

/** How long until an instant, or since it: `in 12 min`, `3 h ago`. */
export function distance(at: number, now: number): string {
  const seconds = Math.round(Math.abs(at - now) / 1_000)
  const [count, unit] =
    seconds < 90
      ? [seconds, 's']
      : seconds < 5_400
        ? [Math.round(seconds / 60), 'min']
        : seconds < 172_800
          ? [Math.round(seconds / 3_600), 'h']
          : [Math.round(seconds / 86_400), 'days']
  return at >= now ? `in ${count} ${unit}` : `${count} ${unit} ago`
}

/** A principal by name, for administrators with the way to its page. */
export function person(principal: Principal | undefined, options: { link?: boolean } = {}): Html {
  if (principal === undefined) return html`<span class="muted">nobody</span>`
  const name = visible(principal.name)
  return options.link ? html`<a href="/people/${principal.id}">${name}</a>` : html`${name}`
}

export function hidden(fields: Record<string, string>): Html {
  return html`${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}`
}

/** The field in which somebody says why. `id` makes its label unique on the page. */
export function reasonField(id: string, label = 'Why?', before = ''): Html {
  return html`<div class="field">
    <label for="${id}">${label}</label>
    <input id="${id}" name="reason" value="${before}" minlength="3" maxlength="500" required autocomplete="off" />
  </div>`
}

/** A form that posts to an action of ours. */
export function form(given: {
  action: string
  csrf: string
  content: Html
  inline?: boolean
  /** It has a field for a file. */
  upload?: boolean
}): Html {
  return html`<form
    method="post"
    action="${given.action}"
    ${given.upload ? html`enctype="multipart/form-data"` : ''}
    ${given.inline ? html`class="inline"` : ''}
  >
    ${hidden({ csrf: given.csrf })}${given.content}
  </form>`
}

/** A way that opens only when it is asked for, for steps with consequences. */
export function fold(summary: string, content: Html, open = false): Html {
  return html`<details ${open ? html`open` : ''}>
    <summary>${summary}</summary>
    ${content}
  </details>`
}

/** What stands in the place of a form for which one must have signed in a moment ago. */
export function signInAgain(returnTo: string): Html {
  return html`<div class="notice">
    <div class="row apart">
      <span>For this, sign in once more.</span>
      <a class="button quiet" href="/sign-in?again&return_to=${encodeURIComponent(returnTo)}">Sign in again</a>
    </div>
  </div>`
}

export function option(value: string, label: string, selected = false): Html {
  return html`<option value="${value}" ${selected ? html`selected` : ''}>${label}</option>`
}

export function empty(text: string): Html {
  return html`<p class="empty">${text}</p>`
}

/** An item by its kind and its name; a tool by its name alone. */
export function itemLabel(name: string): Html {
  const { kind, key } = itemOf(name)
  return kind === 'tool'
    ? html`${visible(name)}`
    : html`<span class="badge">${kindWords[kind].one}</span> ${visible(key)}`
}

export function toolHref(tool: Pick<Tool, 'upstream' | 'name'>): string {
  return `/upstreams/${tool.upstream}/tool?name=${encodeURIComponent(tool.name)}`
}

export function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}
