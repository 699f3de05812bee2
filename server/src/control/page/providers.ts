import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { MappedProvider } from '../../identity/mapping.ts'
import type { Principal } from '../../model/principal.ts'
import type { GroupRule } from '../../store/group-rules.ts'
import { unknown } from '../known.ts'
import type { PageRoute, Visit } from '../page.ts'
import { readNames } from '../people.ts'
import type { ControlRooms } from '../rooms.ts'
import { counted, empty, fold, form, hidden, instant, option, person, reasonField } from './elements.ts'

const peopleMax = 500

export const providersPage: PageRoute = {
  path: '/providers',
  guard: 'administrator',
  async show({ identity }) {
    const rows: Html[] = []
    for (const { id, name, saysGroups } of identity.listProviders()) {
      const rules = await identity.listGroupRules(id)
      rows.push(
        html`<tr>
          <th scope="row"><a href="/providers/${id}">${visible(name)}</a></th>
          <td data-label="Groups">${saysGroups ? 'asked for' : html`<span class="muted">not asked for</span>`}</td>
          <td data-label="Rules">${counted(rules.length, 'rule', 'rules')}</td>
        </tr>`,
      )
    }
    return {
      title: 'Identity providers',
      body: html`<div class="stack tight">
          <h1>Identity providers</h1>
          <p class="lead">
            They are named in the configuration. Here are the rules from what they say to groups; without a rule nobody
            is in a group by what his provider says.
          </p>
        </div>
        ${
          rows.length === 0
            ? empty('The configuration names none.')
            : html`<div class="table">
                <table>
                  <thead>
                    <tr>
                      <th>Name</th>
                      <th>Groups</th>
                      <th>Rules</th>
                    </tr>
                  </thead>
                  <tbody>
                    ${rows}
                  </tbody>
                </table>
              </div>`
        }`,
    }
  },
}

export const providerPage: PageRoute = {
  path: '/providers/{provider}',
  guard: 'administrator',
  async show(rooms, visit) {
    const { identity } = rooms
    const provider = identity.listProviders().find(({ id }) => id === visit.params['provider']) ?? unknown('provider')
    const rules = await identity.listGroupRules(provider.id)
    const groups = await identity.listGroups()
    const names = await readNames(
      rooms,
      rules.flatMap(({ groupId, createdBy }) => [groupId, createdBy]),
    )
    return {
      title: visible(provider.name),
      body: html`<h1>${visible(provider.name)}</h1>
        ${
          !provider.saysGroups &&
          html`<p class="notice">
            It is not asked for groups: name the claim that holds them in <code>claims.groups</code> of the
            configuration.
          </p>`
        }
        <section class="stack tight" aria-labelledby="rules">
          <h2 id="rules">Rules</h2>
          ${rules.length === 0 && empty('None: nobody is in a group by what this provider says.')}
          <ul class="plain">
            ${rules.map((rule, at) => ruleLine(rule, { at, names, csrf: visit.csrf }))}
          </ul>
          ${groups.length === 0 ? noGroups() : adding(provider, groups, visit)}
        </section>
        ${await trying(rooms, { provider, groups, visit })}`,
    }
  },
}

function noGroups(): Html {
  return html`<p class="muted">Make a <a href="/groups">group</a> first: a rule leads to one.</p>`
}

function ruleLine(
  rule: GroupRule,
  { at, names, csrf }: { at: number; names: ReadonlyMap<string, Principal>; csrf: string },
): Html {
  return html`<li class="row apart">
    <span>
      ${rule.match === 'exact' ? 'is' : 'begins with'} <code>${visible(rule.value)}</code> →
      ${person(names.get(rule.groupId), { link: true })}
      <span class="muted small">by ${person(names.get(rule.createdBy))}, ${instant(rule.createdAt)}</span>
    </span>
    ${fold(
      'Remove',
      form({
        action: `/providers/${rule.provider}/rules/remove`,
        csrf,
        content: html`${hidden({ id: rule.id })}
          <p class="muted">
            Whoever is in the group by this provider leaves it at once; other rules act again at the next sign-in.
          </p>
          ${reasonField(`why-removed-${at}`)}
          <div class="actions"><button class="danger">Remove the rule</button></div>`,
      }),
    )}
  </li>`
}

function ruleFields(groups: readonly Principal[], id: string, required: boolean): Html {
  return html`<div class="field">
      <label for="match-${id}">What the provider says</label>
      <select id="match-${id}" name="match">
        ${option('exact', 'is exactly')} ${option('prefix', 'begins with')}
      </select>
    </div>
    <div class="field">
      <label for="value-${id}"
        >Value ${!required && html`<span class="hint">empty: only the rules that are</span>`}</label
      >
      <input
        id="value-${id}"
        name="value"
        maxlength="500"
        autocomplete="off"
        autocapitalize="none"
        spellcheck="false"
        ${required && html`required`}
      />
    </div>
    <div class="field">
      <label for="group-${id}">Group here</label>
      <select id="group-${id}" name="groupId">
        ${groups.map((group) => option(group.id, group.name))}
      </select>
    </div>`
}

function adding(provider: MappedProvider, groups: readonly Principal[], { csrf }: Visit): Html {
  return fold(
    'Make a rule',
    form({
      action: `/providers/${provider.id}/rules`,
      csrf,
      content: html`<p class="muted">Try it below first. It acts at the next sign-in of each person.</p>
        ${ruleFields(groups, 'new', true)} ${reasonField('why-rule')}
        <div class="actions"><button class="primary">Make the rule</button></div>`,
    }),
  )
}

async function trying(
  { identity }: ControlRooms,
  { provider, groups, visit }: { provider: MappedProvider; groups: readonly Principal[]; visit: Visit },
): Promise<Html> {
  const known: Principal[] = []
  for (const one of await identity.listPrincipals({ limit: peopleMax })) {
    if ((await identity.lastClaimsOf(one.id))?.provider === provider.id) known.push(one)
  }
  const action = `/providers/${provider.id}/preview`
  const draft = groups.length > 0 && ruleFields(groups, 'claims', false)
  const ofPerson = html`<div class="field">
      <label for="principalId">Whose last sign-in</label>
      <select id="principalId" name="principalId">
        ${known.map((one) => option(one.id, one.name))}
      </select>
    </div>
    ${groups.length > 0 && ruleFields(groups, 'person', false)}
    <div class="actions"><button>Show</button></div>`
  return html`<section class="stack tight" aria-labelledby="try">
    <h2 id="try">Try it</h2>
    <p class="muted">
      See which person, groups and rights come of claims, with a rule that is not made yet. Nothing is changed.
    </p>
    ${fold(
      'With claims that you paste',
      form({
        action,
        csrf: visit.csrf,
        content: html`<div class="field">
            <label for="claims">Claims of an ID token</label>
            <textarea id="claims" name="claims" rows="8" required maxlength="60000" spellcheck="false">
{"groups": []}</textarea>
          </div>
          ${draft}
          <div class="actions"><button>Show</button></div>`,
      }),
    )}
    ${
      known.length > 0 &&
      fold('With the last sign-in of somebody', form({ action, csrf: visit.csrf, content: ofPerson }))
    }
  </section>`
}
