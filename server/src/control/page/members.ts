import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Principal } from '../../model/principal.ts'
import type { Visit } from '../page.ts'
import { readNames } from '../people.ts'
import type { ControlRooms } from '../rooms.ts'
import { empty, fold, form, hidden, option, person, reasonField } from './elements.ts'

const shownMax = 500

/** Who is in a group, with the ways to put somebody in and take him out. */
export async function membersOf(rooms: ControlRooms, group: Principal, { csrf }: Visit): Promise<Html> {
  const memberships = await rooms.identity.listMemberships({ groupId: group.id })
  const shown = memberships.slice(0, shownMax)
  const names = await readNames(
    rooms,
    shown.map(({ memberId }) => memberId),
  )
  return html`<section class="stack tight" aria-labelledby="members">
    <h2 id="members">Members</h2>
    ${memberships.length === 0 && empty('Nobody.')}
    ${
      memberships.length > 0 &&
      html`<ul class="plain">
        ${shown.map(
          ({ memberId, source }, at) =>
            html`<li class="row apart">
              <span
                >${person(names.get(memberId), { link: true })} ${names.get(memberId)?.kind === 'group' && kindBadge()}
                <span class="muted small">${sourceText(source)}</span></span
              >
              ${fold(
                'Take out',
                form({
                  action: `/groups/${group.id}/remove`,
                  csrf,
                  content: html`${hidden({ member: memberId, source })}
                    ${source !== 'hand' && html`<p class="muted">It comes back when that source says so again.</p>`}
                    ${reasonField(`why-out-${at}`)}
                    <div class="actions"><button class="danger">Take out</button></div>`,
                }),
              )}
            </li>`,
        )}
      </ul>`
    }
    ${memberships.length > shownMax && html`<p class="muted">and ${memberships.length - shownMax} more</p>`}
    ${group.state === 'active' && (await adding(rooms, group, csrf))}
  </section>`
}

/** The groups that a principal or a group is in directly. */
export async function groupsOf(rooms: ControlRooms, principal: Principal): Promise<Html> {
  const memberships = await rooms.identity.listMemberships({ memberId: principal.id })
  if (memberships.length === 0) return html``
  const names = await readNames(
    rooms,
    memberships.map(({ groupId }) => groupId),
  )
  return html`<section class="stack tight" aria-labelledby="groups">
    <h2 id="groups">In groups</h2>
    <ul class="plain">
      ${memberships.map(
        ({ groupId, source }) =>
          html`<li>
            ${person(names.get(groupId), { link: true })} <span class="muted small">${sourceText(source)}</span>
          </li>`,
      )}
    </ul>
  </section>`
}

/** How a group ends. */
export function retiring(group: Principal, { csrf }: Visit): Html {
  return fold(
    `Retire ${visible(group.name)}`,
    form({
      action: `/groups/${group.id}/retire`,
      csrf,
      content: html`<p class="muted">This is final. Its members lose at once what they have through it.</p>
        ${reasonField('why-retired')}
        <div class="actions"><button class="danger">Retire the group</button></div>`,
    }),
  )
}

async function adding({ identity }: ControlRooms, group: Principal, csrf: string): Promise<Html> {
  const people = await identity.listPrincipals({ limit: shownMax })
  const groups = (await identity.listGroups()).filter(({ id }) => id !== group.id)
  const active = people.filter(({ state }) => state === 'active')
  const content = html`<div class="field">
      <label for="member">Who</label>
      <select id="member" name="member">
        ${active.map((one) => option(one.id, one.email === undefined ? one.name : `${one.name}, ${one.email}`))}
        ${groups.map((one) => option(one.id, `group: ${one.name}`))}
      </select>
      <span class="hint">A group within a group: who is in the inner one has what the outer one has.</span>
    </div>
    ${reasonField('why-in')}
    <div class="actions"><button class="primary">Put in</button></div>`
  return fold('Put somebody in', form({ action: `/groups/${group.id}/add`, csrf, content }))
}

function sourceText(source: string): string {
  return source === 'hand' ? 'put in by hand' : `by ${visible(source)}`
}

function kindBadge(): Html {
  return html`<span class="badge">group</span>`
}
