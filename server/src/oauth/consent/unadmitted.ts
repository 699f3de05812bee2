import { html, type Html, page } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Client } from '../../model/rights.ts'
import { referenceOf } from '../publisher.ts'
import { publisher } from './view.ts'

/** What the page shows of a client that may not be used, or not yet. */
export interface UnadmittedView {
  uid: string
  csrf: string
  client: Pick<Client, 'id' | 'source' | 'name' | 'state' | 'askedBy'>
}

/** Writes the page that stands in the place of the consent page while no administrator has admitted the client. */
export function unadmittedPage(view: UnadmittedView): string {
  const { client } = view
  const name = visible(client.name)
  const refused = client.state === 'refused'
  return page({
    title: refused ? `${name} is not admitted` : `${name} waits for admission`,
    width: 'narrow',
    body: html`<h1>${refused ? html`“${name}” may not be used here` : html`“${name}” waits for admission`}</h1>
      <p class="lead">${refused ? refusedText : waitingText(client.askedBy !== undefined)}</p>
      <dl class="facts card">
        <dt>Program</dt>
        <dd><strong>${name}</strong></dd>
        <dt>Publisher</dt>
        <dd>${publisher(client)}</dd>
        <dt>Reference</dt>
        <dd><code>${referenceOf(client.id)}</code></dd>
      </dl>
      <form method="post" action="/consent/${view.uid}">
        <input type="hidden" name="csrf" value="${view.csrf}" />
        <div class="actions">
          ${
            !refused &&
            client.askedBy === undefined &&
            html`<button class="primary" name="answer" value="ask">Ask for admission</button>`
          }
          <button name="answer" value="refuse">Go back</button>
        </div>
      </form>`,
  })
}

const refusedText = html`This gateway does not admit it. Nothing was given to anybody. If you need it, speak to an
administrator and name the reference.`

function waitingText(asked: boolean): Html {
  return asked
    ? html`An administrator was asked to admit it, and has not answered yet. Load this page again later, or connect
      again from your program. Whoever you ask about it needs the reference.`
    : html`Programs may be used here once an administrator has admitted them. Ask for it if you started this connection
      yourself, just now.`
}
