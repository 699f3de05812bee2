import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Transmitter } from '../../identity/signals.ts'
import type { Principal } from '../../model/principal.ts'
import type { PageRoute } from '../page.ts'
import { readNames } from '../people.ts'
import { empty, instant, person } from './elements.ts'

const shownMax = 20

export const signalsPage: PageRoute = {
  path: '/signals',
  guard: 'administrator',
  async show(rooms) {
    const transmitters = await rooms.identity.signals.listTransmitters()
    const ids = transmitters.flatMap(({ signals }) => signals.slice(0, shownMax).map(({ principalId }) => principalId))
    const names = await readNames(rooms, ids)
    return {
      title: 'Signals',
      body: html`<div class="stack tight">
          <h1>Signals</h1>
          <p class="lead">
            What identity providers said after people had signed in. It can take rights away and give none. All of it is
            in the <a href="/ledger">ledger</a>; here are the last events of each transmitter.
          </p>
        </div>
        ${transmitters.length === 0 && empty('The configuration names no transmitter.')}
        ${transmitters.map((one) => section(one, names))}`,
    }
  },
}

function section(one: Transmitter, names: ReadonlyMap<string, Principal>): Html {
  const { id, polling, signals } = one
  return html`<section class="stack tight" aria-labelledby="of-${id}">
    <h2 id="of-${id}">${id}</h2>
    ${
      polling?.problem !== undefined &&
      html`<p class="notice bad">
        It cannot be polled: ${visible(polling.problem)}. What waits there comes when it can be.
      </p>`
    }
    <div class="card">
      <dl class="facts">
        <dt>Issuer</dt>
        <dd><span class="mono">${visible(one.issuer)}</span></dd>
        <dt>Speaks about the people of</dt>
        <dd><span class="mono">${visible(one.people)}</span></dd>
        <dt>How it comes</dt>
        <dd>${[one.pushes && 'it pushes', polling && 'it is polled'].filter(Boolean).join(', and ')}</dd>
        ${
          polling &&
          html`<dt>Polled last</dt>
            <dd>${instant(polling.answeredAt, 'seconds')}</dd>`
        }
      </dl>
    </div>
    ${signals.length === 0 ? empty('Nothing came yet.') : table(one, names)}
  </section>`
}

function table({ signals }: Transmitter, names: ReadonlyMap<string, Principal>): Html {
  return html`<div class="table">
    <table>
      <thead>
        <tr>
          <th>Event</th>
          <th>About</th>
          <th>What it took</th>
          <th>Received</th>
        </tr>
      </thead>
      <tbody>
        ${signals.slice(0, shownMax).map(
          (signal) =>
            html`<tr>
              <th scope="row">${visible(signal.event)}</th>
              <td data-label="About">
                ${
                  signal.principalId === undefined
                    ? html`<span class="muted">–</span>`
                    : person(names.get(signal.principalId), { link: true })
                }
              </td>
              <td data-label="What it took">${signal.effect}</td>
              <td data-label="Received">${instant(signal.receivedAt, 'seconds')}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}
