import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { effects } from '../../model/effect.ts'
import { countItems, groupItems } from '../../model/item-group.ts'
import { itemOf } from '../../model/item.ts'
import type { Principal } from '../../model/principal.ts'
import type { Entitlement } from '../../model/rights.ts'
import type { Tool } from '../../model/tool.ts'
import { isFresh } from '../guard.ts'
import { getPrincipal } from '../known.ts'
import type { PageRoute, Shown, Visit } from '../page.ts'
import { readNames } from '../people.ts'
import type { ControlRooms } from '../rooms.ts'
import {
  effectBadge,
  empty,
  fold,
  form,
  hidden,
  instant,
  itemLabel,
  option,
  person,
  reasonField,
  signInAgain,
  stateBadge,
  traitBadges,
} from './elements.ts'
import { grantCards } from './grant-cards.ts'
import { demandText } from './grant-login.ts'
import { answersFor, grantingTo, machineCard } from './machines.ts'
import { groupsOf, membersOf, retiring } from './members.ts'

export const personPage: PageRoute = {
  path: '/people/{id}',
  guard: 'administrator',
  async show(rooms, visit) {
    const principal = await getPrincipal(rooms, visit.params['id']!)
    const rights = await rooms.inventory.listRights(principal.id)
    if (principal.kind === 'group') return groupPage(rooms, { principal, rights, visit })
    const grants = await rooms.oauth.listGrants({ principalId: principal.id, activeAt: rooms.clock.now() })
    return {
      title: visible(principal.name),
      body: html`<h1>${visible(principal.name)} ${principal.state !== 'active' && stateBadge(principal.state)}</h1>
        <div class="card">
          <dl class="facts">
            ${
              principal.kind === 'workload'
                ? html`<dt>In the configuration</dt>`
                : html`<dt>Signs in through</dt>
                    <dd>${visible(principal.issuer)}</dd>
                    <dt>Subject there</dt>`
            }
            <dd><code>${visible(principal.subject)}</code></dd>
            ${
              principal.email !== undefined &&
              html`<dt>E-mail</dt>
                <dd>${visible(principal.email)}</dd>`
            }
            <dt>Since</dt>
            <dd>${instant(principal.createdAt)}</dd>
          </dl>
        </div>
        ${principal.kind === 'person' && (await answersFor(rooms, principal))}
        ${principal.kind === 'workload' && (await machineCard(rooms, { machine: principal, visit }))}
        ${await groupsOf(rooms, principal)} ${await rightsHeld(rooms, { principal, rights, csrf: visit.csrf })}
        ${principal.state === 'active' && (await giving(rooms, { principal, rights, visit }))}
        ${principal.kind === 'workload' && (await grantingTo(rooms, { machine: principal, visit }))}
        <section class="stack tight" aria-labelledby="grants">
          <h2 id="grants">Grants to clients</h2>
          ${grants.length === 0 ? empty('None in force.') : await grantCards(rooms, { grants, visit })}
        </section>
        ${principal.state === 'must_sign_in' && lettingOff(principal, visit)} ${resetting(rooms, principal, visit)}
        ${standing(principal, visit)}`,
    }
  },
}

async function groupPage(
  rooms: ControlRooms,
  held: { principal: Principal; rights: readonly Entitlement[]; visit: Visit },
): Promise<Shown> {
  const { principal, rights, visit } = held
  const active = principal.state === 'active'
  return {
    title: visible(principal.name),
    body: html`<h1>${visible(principal.name)} <span class="badge">${active ? 'group' : 'retired group'}</span></h1>
      ${await membersOf(rooms, principal, visit)} ${await groupsOf(rooms, principal)}
      ${await rightsHeld(rooms, { principal, rights, csrf: visit.csrf })} ${active && (await giving(rooms, held))}
      ${active && retiring(principal, visit)}`,
  }
}

async function rightsHeld(
  rooms: ControlRooms,
  { principal, rights, csrf }: { principal: Principal; rights: readonly Entitlement[]; csrf: string },
): Promise<Html> {
  const names = await readNames(
    rooms,
    rights.flatMap(({ grantedBy, through }) => [grantedBy, through]),
  )
  const groups = Map.groupBy(rights, ({ right, upstream }) =>
    right === 'administer' ? 'Administer this gateway' : `${right === 'use' ? 'Use' : 'Approve'} tools of ${upstream}`,
  )
  return html`<section class="stack tight" aria-labelledby="rights">
    <h2 id="rights">Rights</h2>
    ${groups.size === 0 && empty('None.')}
    ${[...groups].map(([title, some], group) =>
      fold(
        `${title}${some[0]!.right === 'administer' ? '' : ` (${some.length})`}`,
        form({
          action: `/people/${principal.id}/revoke`,
          csrf,
          content: html`<ul class="choices">
              ${some.map((one) => held(one, names))}
            </ul>
            ${changing(
              principal,
              some.filter(({ through }) => through === undefined),
              String(group),
            )}`,
        }),
      ),
    )}
  </section>`
}

function changing(principal: Principal, own: readonly Entitlement[], id: string): Html {
  const [first] = own
  if (first === undefined) return html`<p class="muted">Change it at the group, for all its members.</p>`
  return html`${reasonField(`why-revoke-${id}`)}
    <div class="actions">
      <button class="danger">Revoke the chosen ones</button>
      ${
        own.length > 1 &&
        html`<button class="danger" name="all" value="${first.right} ${first.upstream}">
          Revoke all ${own.length}
        </button>`
      }
    </div>
    ${first.right === 'use' && fold('Demand a login', demanding(principal, id))}`
}

function demanding(principal: Principal, id: string): Html {
  return html`<p class="muted">
      Of who uses the chosen ones. The program that calls is told, and so is its person. Leave all empty to demand
      nothing.
    </p>
    <div class="field">
      <label for="age-${id}">Not longer ago than, in minutes</label>
      <input id="age-${id}" name="maxAgeMinutes" type="number" min="1" max="43200" />
    </div>
    <div class="field">
      <label for="acr-${id}">One of these classes <span class="hint">acr, such as: phr phrh</span></label>
      <input id="acr-${id}" name="acr" maxlength="500" autocomplete="off" autocapitalize="none" spellcheck="false" />
    </div>
    <div class="field">
      <label for="amr-${id}">All of these methods <span class="hint">amr, such as: mfa</span></label>
      <input id="amr-${id}" name="amr" maxlength="500" autocomplete="off" autocapitalize="none" spellcheck="false" />
    </div>
    <div class="actions">
      <button formaction="/people/${principal.id}/demand-login">Demand it of the chosen ones</button>
    </div>`
}

// What is held through a group is revoked at the group, for all its members.
function held(one: Entitlement, names: ReadonlyMap<string, Principal>): Html {
  const group = one.through === undefined ? undefined : names.get(one.through)
  const by = one.grantedBy === undefined ? 'the set-up' : (names.get(one.grantedBy)?.name ?? one.grantedBy)
  return html`<li>
    <label>
      <input type="checkbox" name="entitlements" value="${one.id}" ${one.through !== undefined && html`disabled`} />
      <span>
        <span class="name">${one.right === 'administer' ? 'everything' : itemLabel(one.tool)}</span>
        <span class="muted small"
          >by ${visible(by)}, ${instant(one.createdAt)}:
          “${visible(one.reason)}”${group && html`; through ${person(group, { link: true })}`}${one.login !== undefined && html`; needs ${demandText(one.login)}`}${one.endsAt !== undefined && html`; ends ${instant(one.endsAt)}`}</span
        >
      </span>
    </label>
  </li>`
}

async function giving(
  { inventory }: ControlRooms,
  { principal, rights, visit }: { principal: Principal; rights: readonly Entitlement[]; visit: Visit },
): Promise<Html> {
  const action = `/people/${principal.id}/entitle`
  const administers = rights.some(({ right }) => right === 'administer')
  const folds: Html[] = []
  for (const { name } of (await inventory.listUpstreams()).filter(({ state }) => state !== 'retired')) {
    const tools = (await inventory.listTools(name)).filter(({ pin }) => pin !== 'gone' && pin !== 'withdrawn')
    if (tools.length === 0) continue
    const only = tools.every((tool) => itemOf(tool.name).kind === 'tool')
    folds.push(
      fold(
        only ? `Tools of ${name}` : `What ${name} offers`,
        form({ action, csrf: visit.csrf, content: toolChoice(name, tools, principal) }),
      ),
    )
  }
  return html`<section class="stack tight" aria-labelledby="give">
    <h2 id="give">Give a right</h2>
    ${folds}
    ${
      !administers &&
      principal.kind === 'person' &&
      fold(
        'Administer this gateway',
        form({
          action,
          csrf: visit.csrf,
          content: html`${hidden({ right: 'administer', upstream: '*', tools: '*' })} ${reasonField('why-administer')}
            <div class="actions"><button class="primary">Make an administrator</button></div>`,
        }),
      )
    }
  </section>`
}

function toolChoice(upstream: string, tools: readonly Tool[], { kind }: Principal): Html {
  return html`${hidden({ upstream })}
    <div class="field">
      <label for="right-${upstream}">Right</label>
      <select id="right-${upstream}" name="right">
        ${option('use', 'use: call these tools')}
        ${kind !== 'workload' && option('approve', 'approve: decide calls that others ask for')}
      </select>
    </div>
    <div class="field">
      <label for="upTo-${upstream}">Which</label>
      <select id="upTo-${upstream}" name="upTo">
        ${option('', 'only those chosen below')}
        ${effects.map((effect) => option(effect, effect === 'destructive' ? 'all of them' : `all up to: ${effect}`))}
      </select>
    </div>
    ${fold('Choose one by one', toolBoxes(tools))}
    <div class="field">
      <label for="ends-${upstream}">Ends after days <span class="hint">empty: until it is revoked</span></label>
      <input id="ends-${upstream}" name="endsInDays" type="number" min="1" max="3650" />
    </div>
    ${reasonField(`why-give-${upstream}`)}
    <div class="actions"><button class="primary">Give the chosen ones</button></div>`
}

function toolBoxes(tools: readonly Tool[]): Html {
  return html`<div class="stack">
    ${groupItems(tools).map(({ kind, effect, items: some }) => {
      return html`<fieldset>
        <legend>
          ${effect !== undefined && effectBadge(effect)} <span class="muted small">${countItems(some)}</span>
        </legend>
        <ul class="choices dense">
          ${some.map(
            (tool) =>
              html`<li>
                <label>
                  <input type="checkbox" name="tools" value="${tool.name}" />
                  <span
                    ><span class="name"
                      >${visible(itemOf(tool.name).key)}
                      ${kind !== 'tool' && tool.effect !== 'read' && effectBadge(tool.effect)}
                      ${traitBadges(tool.traits)}</span
                    ></span
                  >
                </label>
              </li>`,
          )}
        </ul>
      </fieldset>`
    })}
  </div>`
}

function resetting(rooms: ControlRooms, principal: Principal, { viewer, csrf }: Visit): Html {
  if (principal.issuer !== 'local' || principal.state !== 'active' || principal.id === viewer.principal.id)
    return html``
  const title = 'Send a link to set a new password'
  if (!isFresh(rooms, viewer)) return fold(title, signInAgain(`/people/${principal.id}`))
  return fold(
    title,
    form({
      action: `/people/${principal.id}/reset`,
      csrf,
      content: html`<p class="muted">
          For who has lost password, passkeys and recovery codes. Make sure that it is really ${visible(principal.name)}
          who asks.
        </p>
        ${reasonField('why-reset')}
        <div class="actions"><button class="primary">Make the link</button></div>`,
    }),
  )
}

function lettingOff(principal: Principal, { csrf }: Visit): Html {
  return html`<p class="notice warn">
      The identity provider said that something is no longer as it was. Until ${visible(principal.name)} has signed in
      there anew, nothing passes; the grants sleep. See <a href="/signals">Signals</a>.
    </p>
    ${fold(
      'Let off without a new sign-in',
      form({
        action: `/people/${principal.id}/enable`,
        csrf,
        content: html`<p class="muted">Everything is at once as it was before the event.</p>
          ${reasonField('why-let-off')}
          <div class="actions"><button class="danger">Let off</button></div>`,
      }),
    )}`
}

function standing(principal: Principal, { viewer, csrf }: Visit): Html {
  const active = principal.state !== 'disabled'
  const self = principal.id === viewer.principal.id
  return fold(
    active ? `Disable ${self ? 'yourself' : visible(principal.name)}` : `Enable ${visible(principal.name)} again`,
    form({
      action: `/people/${principal.id}/${active ? 'disable' : 'enable'}`,
      csrf,
      content: html`<p class="muted">
          ${
            active
              ? 'Sign-ins, keys for the command line, grants and pending approvals end at once.'
              : 'Rights are as they were; grants and keys stay revoked.'
          }
        </p>
        ${reasonField('why-standing')}
        <div class="actions">
          <button class="${active ? 'danger' : 'primary'}">${active ? 'Disable' : 'Enable'}</button>
        </div>`,
    }),
  )
}
