import { html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { PageRoute } from '../page.ts'
import { counted, empty, fold, form, instant, reasonField } from './elements.ts'

const pageMax = 100

export const groupsPage: PageRoute = {
  path: '/groups',
  guard: 'administrator',
  async show({ identity }, { csrf, query }) {
    const after = query.get('after') ?? undefined
    const groups = await identity.listGroups({ limit: pageMax, ...(after !== undefined && { after }) })
    const rows = []
    for (const group of groups) {
      const members = await identity.listMemberships({ groupId: group.id })
      const count = new Set(members.map(({ memberId }) => memberId)).size
      rows.push(
        html`<tr>
          <th scope="row"><a href="/people/${group.id}">${visible(group.name)}</a></th>
          <td data-label="Members">${counted(count, 'member', 'members')}</td>
          <td data-label="Since">${instant(group.createdAt)}</td>
        </tr>`,
      )
    }
    const making = html`<div class="field">
        <label for="name">Name</label>
        <input id="name" name="name" required maxlength="100" autocomplete="off" />
      </div>
      ${reasonField('why-made', 'What is it for?')}
      <div class="actions"><button class="primary">Make the group</button></div>`
    return {
      title: 'Groups',
      body: html`<div class="stack tight">
          <h1>Groups</h1>
          <p class="lead">
            A group holds rights for its members. Somebody is in one because an administrator put him there, or because
            a <a href="/providers">rule</a> leads there from what his identity provider says.
          </p>
        </div>
        ${fold('Make a group', form({ action: '/groups', csrf, content: making }))}
        ${
          rows.length === 0
            ? empty(after === undefined ? 'There is no group yet.' : 'There is no later group.')
            : html`<div class="table">
                <table>
                  <thead>
                    <tr>
                      <th>Name</th>
                      <th>Members</th>
                      <th>Since</th>
                    </tr>
                  </thead>
                  <tbody>
                    ${rows}
                  </tbody>
                </table>
              </div>`
        }
        ${
          groups.length === pageMax &&
          html`<p><a class="button" href="/groups?after=${groups.at(-1)!.id}">Those that were made later</a></p>`
        }`,
    }
  },
}
