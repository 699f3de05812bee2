import { html } from '../../base/page.ts'
import type { PageRoute } from '../page.ts'
import { empty } from './elements.ts'
import { grantCards } from './grant-cards.ts'

export const grantsPage: PageRoute = {
  path: '/grants',
  guard: 'signed-in',
  async show(rooms, visit) {
    const { viewer, query } = visit
    const all = viewer.administrator && query.get('whose') === 'all'
    const ended = query.get('ended') === 'true'
    const grants = await rooms.oauth.listGrants({
      ...(all ? {} : { principalId: viewer.principal.id }),
      ...(ended ? {} : { activeAt: rooms.clock.now() }),
    })
    const href = (next: { all: boolean; ended: boolean }) =>
      `/grants?whose=${next.all ? 'all' : 'mine'}${next.ended ? '&ended=true' : ''}`
    const shown = grants.slice(0, 200)
    return {
      title: 'Grants',
      body: html`<div class="stack tight">
          <h1>Grants</h1>
          <p class="lead">
            A grant lets one client use exactly these tools in your name. It survives until it ends or is revoked.
          </p>
        </div>
        <p class="row">
          ${
            viewer.administrator &&
            html`<a class="button quiet" href="${href({ all: !all, ended })}"
              >${all ? 'Mine only' : 'Those of everybody'}</a
            >`
          }
          <a class="button quiet" href="${href({ all, ended: !ended })}"
            >${ended ? 'In force only' : 'Ended ones too'}</a
          >
        </p>
        ${
          shown.length === 0
            ? empty('None. A client asks for one when it connects for the first time.')
            : await grantCards(rooms, { grants: shown, visit })
        }
        ${shown.length < grants.length && html`<p class="muted">The newest ${shown.length} of ${grants.length}.</p>`}`,
    }
  },
}
