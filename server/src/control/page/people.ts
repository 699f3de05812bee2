import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { effects } from '../../model/effect.ts'
import type { Principal } from '../../model/principal.ts'
import type { PageRoute } from '../page.ts'
import { fold, form, hidden, instant, option, stateBadge } from './elements.ts'

const pageMax = 100

export const peoplePage: PageRoute = {
  path: '/people',
  guard: 'administrator',
  async show({ identity, inventory }, { csrf, query }) {
    const after = query.get('after') ?? undefined
    const people = await identity.listPrincipals({ limit: pageMax, ...(after !== undefined && { after }) })
    const upstreams = (await inventory.listUpstreams()).filter(({ state }) => state !== 'retired')
    const names = upstreams.map(({ name }) => name)
    return {
      title: 'People',
      body: html`<div class="row apart">
          <h1>People</h1>
          <span class="row"
            ><a class="button quiet" href="/groups">Groups</a>
            <a class="button quiet" href="/machines">Machines</a>
            <a class="button quiet" href="/providers">Identity providers</a>
            <a class="button quiet" href="/signals">Signals</a>
            <a class="button quiet" href="/provisioning">Provisioning</a>
          </span>
        </div>
        ${fold('Invite somebody', form({ action: '/people/invite', csrf, content: invitation(names) }))}
        ${table(people)}
        ${
          people.length === pageMax &&
          html`<p><a class="button" href="/people?after=${people.at(-1)!.id}">Those who came later</a></p>`
        }`,
    }
  },
}

function table(people: readonly Principal[]): Html {
  return html`<div class="table">
    <table>
      <thead>
        <tr>
          <th>Name</th>
          <th>State</th>
          <th>Signs in through</th>
          <th>Since</th>
        </tr>
      </thead>
      <tbody>
        ${people.map(
          (one) =>
            html`<tr>
              <th scope="row">
                <a href="/people/${one.id}">${visible(one.name)}</a>
                ${one.email !== undefined && html`<span class="muted small">${visible(one.email)}</span>`}
              </th>
              <td data-label="State">${stateBadge(one.state)}</td>
              <td data-label="Through">${visible(one.issuer)}</td>
              <td data-label="Since">${instant(one.createdAt)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

const uses: Record<(typeof effects)[number], string> = {
  read: 'tools that read',
  write: 'tools that read or write',
  destructive: 'all tools, destructive ones too',
}

function invitation(upstreams: readonly string[]): Html {
  return html`<div class="field">
      <label for="name">Name</label>
      <input id="name" name="name" required maxlength="100" autocomplete="off" />
    </div>
    <div class="field">
      <label for="email">E-mail <span class="hint">for display only</span></label>
      <input id="email" name="email" type="email" maxlength="254" autocomplete="off" />
    </div>
    ${upstreams.map(
      (name) =>
        html`<fieldset class="stack tight">
          <legend>${name}</legend>
          ${hidden({ upstream: name })}
          <div class="field">
            <label for="use.${name}" class="hint">May use</label>
            <select id="use.${name}" name="use.${name}">
              ${option('', 'nothing')} ${effects.map((effect) => option(effect, uses[effect]))}
            </select>
          </div>
          <label class="check">
            <input type="checkbox" name="approve.${name}" />
            <span>May approve destructive calls of others</span>
          </label>
        </fieldset>`,
    )}
    <label class="check">
      <input type="checkbox" name="administer" />
      <span>May administer this gateway: people, upstreams, rights</span>
    </label>
    <div class="field">
      <label for="expiresInDays">The link lasts, in days</label>
      <input id="expiresInDays" name="expiresInDays" type="number" min="1" max="30" value="7" required />
    </div>
    <div class="actions"><button class="primary">Make the link</button></div>`
}
