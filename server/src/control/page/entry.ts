import { showArguments } from '../../approval/show.ts'
import { html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { writeEntry } from '../../ledger/entry.ts'
import { leafHash } from '../../ledger/merkle.ts'
import { unknown } from '../known.ts'
import type { PageRoute } from '../page.ts'
import { instant } from './elements.ts'
import { what } from './ledger.ts'

export const entryPage: PageRoute = {
  path: '/ledger/{seq}',
  guard: 'administrator',
  async show({ ledger }, { params }) {
    const seq = /^\d{1,15}$/.test(params['seq']!) ? Number(params['seq']) : unknown('entry')
    const { entry } = (await ledger.getEntry(seq)) ?? unknown('entry')
    const leaf = writeEntry(entry)
    const shown = showArguments(leaf)
    const size = await ledger.size()
    return {
      title: `Entry ${seq}`,
      body: html`<div class="stack tight">
          <p class="small"><a href="/ledger">Ledger</a></p>
          <h1>Entry ${seq}</h1>
          <p class="lead">${what(entry)}</p>
        </div>
        <div class="card">
          <dl class="facts">
            <dt>Recorded</dt>
            <dd>${instant(entry.at, 'seconds')}</dd>
            <dt>Leaf hash</dt>
            <dd><code>${leafHash(Buffer.from(leaf)).toString('hex')}</code></dd>
            ${
              'callId' in entry &&
              entry.callId !== undefined &&
              html`<dt>Call</dt>
                <dd><a href="/ledger?call=${entry.callId}">${entry.callId}</a></dd>`
            }
          </dl>
        </div>
        <section class="stack tight" aria-labelledby="leaf">
          <h2 id="leaf">What the leaf says</h2>
          <pre class="exact" tabindex="0">${shown.complete ? shown.lines.join('\n') : visible(leaf)}</pre>
        </section>
        <p class="row apart">
          ${seq > 0 ? html`<a class="button quiet" href="/ledger/${seq - 1}">← ${seq - 1}</a>` : html`<span></span>`}
          ${seq + 1 < size && html`<a class="button quiet" href="/ledger/${seq + 1}">${seq + 1} →</a>`}
        </p>`,
    }
  },
}
