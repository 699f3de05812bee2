import type { OnBehalf } from '../../base/config.ts'
import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { redirectUrlFor } from '../../model/connection.ts'
import type { Connection } from '../../vault/credentials.ts'
import type { ControlRooms } from '../rooms.ts'
import { counted, fold, form, hidden, instant, person, reasonField } from './elements.ts'

const shownMax = 100

/** Says, of an upstream that is called in the name of who calls, by what; then the organisation's credential only looks. */
export function inNames({ onBehalf, origin }: ControlRooms['config'], upstream: string): Html | undefined {
  const entry = onBehalf.get(upstream)
  if (entry === undefined) return undefined
  const ways: Record<OnBehalf['way'], Html> = {
    assertion: html`by the signature of this gateway`,
    connection: html`by the connection of each person`,
    'id-jag': html`by an assertion of the identity provider`,
    provider: html`by a token of the identity provider`,
  }
  return html`<p class="notice">
    Calls go out in the name of who calls, ${ways[entry.way]}. The organisation’s credential below is used to look at
    what it offers, and by no call.
    ${
      entry.way === 'connection' &&
      html`Their client at <code>${visible(entry.issuer)}</code> has the redirect address
        <code>${visible(redirectUrlFor(origin, entry.issuer))}</code>, if it was registered by hand.`
    }
  </p>`
}

/** Who has connected an upstream for themselves; newest first. Nobody sees a token. */
export async function peopleConnections(
  rooms: Pick<ControlRooms, 'identity'>,
  connections: readonly Connection[],
  csrf: string,
): Promise<Html | undefined> {
  if (connections.length === 0) return undefined
  const shown = await Promise.all(
    connections
      .slice(0, shownMax)
      .map(async (one) => ({ one, who: await rooms.identity.findPrincipal(one.principalId!) })),
  )
  return fold(
    `Connected by ${counted(connections.length, 'person', 'people')} for themselves`,
    html`${shown.map(
      ({ one, who }) =>
        html`<div class="card">
          <dl class="facts">
            <dt>Whose</dt>
            <dd>${person(who, { link: true })}</dd>
            <dt>Since</dt>
            <dd>${instant(one.createdAt)}</dd>
            ${
              one.details?.lapsed !== undefined &&
              html`<dt>Ended</dt>
                <dd><code>${visible(one.details.lapsed)}</code></dd>`
            }
          </dl>
          ${form({
            action: `/upstreams/${one.upstream}/credential/revoke`,
            csrf,
            content: html`${hidden({ id: one.id })} ${reasonField(`why-${one.id}`)}
              <div class="actions"><button class="danger">Revoke it</button></div>`,
          })}
        </div>`,
    )}
    ${shown.length < connections.length && html`<p class="muted">The newest ${shown.length}.</p>`}`,
  )
}
