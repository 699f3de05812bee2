import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { entryKinds, type Entry, type EntryKind } from '../../ledger/entry.ts'
import type { Principal } from '../../model/principal.ts'
import type { PageRoute } from '../page.ts'
import { readNames } from '../people.ts'
import { effectBadge, empty, fold, instant } from './elements.ts'

const pageMax = 50

export const ledgerPage: PageRoute = {
  path: '/ledger',
  guard: 'administrator',
  async show({ ledger, identity }, { query }) {
    const kind = entryKinds.find((one) => one === query.get('kind'))
    const call = query.get('call') ?? undefined
    const entries = await ledger.listEntries({
      limit: pageMax,
      before: readPosition(query.get('before')),
      kinds: kind && [kind],
      callId: call,
    })
    const by = entries.flatMap(({ entry }) => (entry.kind === 'change' ? [entry.by, nameable(entry.about)] : []))
    const names = await readNames({ identity }, by)
    const checkpoint = await ledger.checkpoint()
    const last = entries.at(-1)
    return {
      title: 'Ledger',
      body: html`<div class="stack tight">
          <h1>Ledger</h1>
          <p class="lead">
            Every call before it is made, every outcome, every refusal, every sign-in, every change. Only ever added to.
          </p>
        </div>
        <div class="card">
          <dl class="facts">
            <dt>Entries</dt>
            <dd>${checkpoint.size}, all under a signed checkpoint</dd>
            <dt>Root</dt>
            <dd><code>${Buffer.from(checkpoint.root).toString('base64')}</code></dd>
            <dt>Key</dt>
            <dd><code>${ledger.key}</code></dd>
          </dl>
          ${fold('Verify it yourself, offline', verification(ledger.key))}
        </div>
        <p class="row">${[undefined, ...entryKinds].map((one) => filter(one, { chosen: kind, call }))}</p>
        ${call !== undefined && html`<p>Of the call <code>${visible(call)}</code>. <a href="/ledger">Show all</a></p>`}
        ${entries.length === 0 ? empty('No such entries.') : table(entries, names)}
        ${
          entries.length === pageMax &&
          html`<p>
            <a class="button" href="/ledger?before=${last!.seq}${kind === undefined ? '' : `&kind=${kind}`}"
              >Older ones</a
            >
          </p>`
        }`,
    }
  },
}

function readPosition(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

const labels: Record<EntryKind, string> = {
  intent: 'Calls',
  outcome: 'Outcomes',
  denial: 'Refusals',
  login: 'Sign-ins',
  change: 'Changes',
}

function filter(
  one: EntryKind | undefined,
  { chosen, call }: { chosen: EntryKind | undefined; call: string | undefined },
): Html {
  const current = one === chosen && call === undefined
  return html`<a
    class="button quiet"
    href="/ledger${one === undefined ? '' : `?kind=${one}`}"
    ${current ? html`aria-current="true"` : ''}
    >${one === undefined ? 'All' : labels[one]}</a
  >`
}

function verification(key: string): Html {
  return html`<div class="stack tight">
    <p>With an <a href="/you">operator key</a>, write the whole ledger to a directory; then verify it without us:</p>
    <pre class="copy" tabindex="0">
npx sallyport export ledger-copy
npx sallyport verify ledger-copy --key '${key}'</pre>
    <p>
      Keep the checkpoint of today (<code>ledger-copy/checkpoint</code>) somewhere else. Next time,
      <code>--checkpoint FILE</code> shows whether anything before it was rewritten or cut off.
    </p>
  </div>`
}

function table(entries: readonly { seq: number; entry: Entry }[], names: ReadonlyMap<string, Principal>): Html {
  return html`<div class="table">
    <table>
      <thead>
        <tr>
          <th class="number">No.</th>
          <th>When</th>
          <th>What</th>
          <th>Who</th>
        </tr>
      </thead>
      <tbody>
        ${entries.map(
          ({ seq, entry }) =>
            html`<tr>
              <td data-label="No." class="number"><a href="/ledger/${seq}">${seq}</a></td>
              <td data-label="When">${instant(entry.at, 'seconds')}</td>
              <td data-label="What">${what(entry, names)}</td>
              <td data-label="Who">${who(entry, names)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

/** One line about an entry. */
export function what(entry: Entry, names: ReadonlyMap<string, Principal> = new Map()): Html {
  if (entry.kind === 'intent') {
    return html`call of <strong>${visible(entry.tool)}</strong> on ${entry.upstream} ${effectBadge(entry.effect)}`
  }
  if (entry.kind === 'outcome') {
    return html`outcome <span class="badge ${tones[entry.status]}">${entry.status}</span>
      <a class="small" href="/ledger?call=${entry.callId}">its call</a>`
  }
  if (entry.kind === 'denial') {
    return html`refused: ${visible(entry.tool ?? '')} on ${visible(entry.upstream)}
      <span class="badge bad">${entry.reason}</span>`
  }
  if (entry.kind === 'login') {
    return html`sign-in through ${visible(entry.provider)}
      <span class="badge ${tones[entry.status]}">${entry.status}</span>`
  }
  return html`${visible(entry.what.replaceAll('_', ' ').replace('.', ' '))}
    <span class="muted small">${visible(names.get(entry.about.id ?? '')?.name ?? entry.about.id ?? '')}</span>`
}

// These name a principal; the names of others say more than their ids would.
function nameable({ kind, id }: { kind: string; id?: string | undefined }): string | undefined {
  return kind === 'principal' || kind === 'entitlement' ? id : undefined
}

const tones = { success: 'good', failure: 'bad', unknown: 'warn' } as const

function who(entry: Entry, names: ReadonlyMap<string, Principal>): Html {
  if (entry.kind === 'change') return html`${visible(names.get(entry.by)?.name ?? entry.by)}`
  if (entry.kind === 'outcome') return html``
  const through =
    entry.kind !== 'login' && entry.client !== undefined ? html` through ${visible(entry.client.name)}` : ''
  const acting =
    entry.kind !== 'login' && entry.actor !== undefined
      ? html` <span class="muted small">${visible(entry.actor)}</span>`
      : ''
  return html`${visible(entry.principal?.name ?? 'unknown')}${through}${acting}`
}
