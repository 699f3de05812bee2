import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Principal } from '../../model/principal.ts'
import { effects } from '../../model/effect.ts'
import {
  proofs,
  upstreamSteps,
  type Launch,
  type Learnt,
  type Proof,
  type Upstream,
  type UpstreamState,
} from '../../model/upstream.ts'
import { resourceFor } from '../../oauth/metadata.ts'
import { listHistory } from '../history.ts'
import { getSeen } from '../known.ts'
import type { PageRoute, Visit } from '../page.ts'
import { readNames } from '../people.ts'
import type { ControlRooms } from '../rooms.ts'
import { effectBadge, fold, form, hidden, instant, option, person, prose, reasonField, stateBadge } from './elements.ts'
import { credentialSection } from './credential.ts'
import { documentField } from './document-field.ts'
import { toolLists, withheldTools } from './tool-lists.ts'

export const upstreamPage: PageRoute = {
  path: '/upstreams/{name}',
  guard: 'signed-in',
  async show(rooms, visit) {
    const { viewer, csrf, params } = visit
    const upstream = await getSeen(rooms, viewer, params['name']!)
    const { name, ownerId, proposedBy } = upstream
    const tools = await rooms.inventory.listTools(name)
    const history = viewer.administrator ? await listHistory(rooms, name, 20) : []
    const ids = [ownerId, proposedBy, ...tools.map((tool) => tool.ownerId), ...history.map(({ entry }) => entry.by)]
    const names = await readNames(rooms, ids)
    const owner = viewer.administrator || ownerId === viewer.principal.id
    const mine = tools.filter((tool) => owner || tool.ownerId === viewer.principal.id)
    return {
      title: name,
      body: html`<div class="stack tight">
          <div class="row apart">
            <h1>${name} ${stateBadge(upstream.state)}</h1>
            ${owner && form({ action: `/upstreams/${name}/look`, csrf, content: html`<button>Look now</button>` })}
          </div>
          <p class="lead">${visible(upstream.purpose)}</p>
        </div>
        ${
          owner &&
          upstream.probeError !== undefined &&
          html`<p class="notice warn">The last look failed: ${prose(upstream.probeError)}</p>`
        }
        <div class="card">${facts(rooms, { upstream, names, link: viewer.administrator })}</div>
        ${viewer.administrator && lifecycle(upstream, visit)}
        ${viewer.administrator && (await credentialSection(rooms, upstream, visit))}
        ${await withheldTools(rooms, { tools: mine, csrf })} ${toolLists(tools, { names, upstream })}
        ${viewer.administrator && (await settings(rooms, upstream, visit))} ${historyList(history, names)}`,
    }
  },
}

function facts(
  { config, launches, documents }: ControlRooms,
  { upstream, names, link }: { upstream: Upstream; names: ReadonlyMap<string, Principal>; link: boolean },
): Html {
  const { launch, learnt, ceiling } = upstream
  const known =
    launch.kind === 'stdio'
      ? launches.some(({ name }) => name === launch.command)
      : !('document' in launch) || documents.includes(launch.document)
  return html`<dl class="facts">
    <dt>Address for clients</dt>
    <dd><code>${resourceFor(config.origin, upstream.name)}</code></dd>
    <dt>Owner</dt>
    <dd>${person(names.get(upstream.ownerId ?? ''), { link })}</dd>
    <dt>Proposed by</dt>
    <dd>${upstream.proposedBy === undefined ? 'the set-up' : person(names.get(upstream.proposedBy), { link })}</dd>
    ${
      link &&
      html`<dt>Reached by</dt>
        <dd>${way(launch)} ${!known && html`<span class="badge bad">not in the configuration</span>`}</dd>`
    }
    <dt>Gravest effect</dt>
    <dd>${effectBadge(ceiling)}</dd>
    ${
      upstream.proof === 'required' &&
      html`<dt>Access tokens</dt>
        <dd>only such as are bound to a key (DPoP)</dd>`
    }
    <dt>Says it is</dt>
    <dd>
      ${
        learnt === undefined
          ? html`<span class="muted">not asked yet</span>`
          : html`${visible(learnt.serverName)} ${visible(learnt.serverVersion)}
              <span class="muted">(protocol ${visible(learnt.protocolVersion)})</span>`
      }
    </dd>
    ${link && runs(learnt)}
    <dt>Last look</dt>
    <dd>${instant(upstream.probedAt)}</dd>
  </dl>`
}

function runs(learnt: Learnt | undefined): Html | false {
  const lines = learnt?.runs ?? []
  return (
    lines.length > 0 &&
    html`<dt>Runs</dt>
      <dd>
        ${lines.map((line) => html`<div>${line.startsWith('not confined') && html`<span class="badge bad">no sandbox</span> `}${visible(line)}</div>`)}
      </dd>`
  )
}

function way(launch: Launch): Html {
  if (launch.kind === 'sse') return html`<code>${visible(launch.url)}</code> (HTTP+SSE)`
  if ('url' in launch) return html`<code>${visible(launch.url)}</code>`
  if (launch.kind === 'stdio') return html`program <code>${launch.command}</code>`
  if ('document' in launch) return html`OpenAPI document <code>${launch.document}</code>`
  return html`<code>${visible(launch.server)}</code>, by an uploaded OpenAPI document`
}

const steps: Record<UpstreamState, { label: string; says: string }> = {
  proposed: { label: 'Send back', says: 'It goes back to who proposed it.' },
  in_review: { label: 'Begin the review', says: 'Somebody else than who proposed it then approves it.' },
  approved: { label: 'Approve', says: 'It serves from then on.' },
  suspended: { label: 'Suspend', says: 'Calls are refused at once and streams close; it can be approved again.' },
  retired: { label: 'Retire', says: 'Final: all grants to it are revoked, and its name is never used again.' },
}

function lifecycle(upstream: Upstream, { viewer, csrf }: Visit): Html {
  const next = upstreamSteps[upstream.state]
  if (next.length === 0) return html`<p class="notice">It is retired, which is final.</p>`
  const own = upstream.state === 'in_review' && upstream.proposedBy === viewer.principal.id
  return html`<section class="stack tight" aria-labelledby="lifecycle">
    <h2 id="lifecycle">Lifecycle</h2>
    ${own && html`<p class="notice">You proposed it, so somebody else reviews it.</p>`}
    ${next
      .filter((to) => !(own && to === 'approved'))
      .map((to) =>
        fold(
          steps[to].label,
          form({
            action: `/upstreams/${upstream.name}/step`,
            csrf,
            content: html`<p class="muted">${steps[to].says}</p>
              ${hidden({ to })} ${reasonField(`why-${to}`)}
              <div class="actions">
                <button class="${to === 'suspended' || to === 'retired' ? 'danger' : 'primary'}">
                  ${steps[to].label}
                </button>
              </div>`,
          }),
        ),
      )}
  </section>`
}

async function settings({ identity }: ControlRooms, upstream: Upstream, { csrf }: Visit): Promise<Html> {
  const people = (await identity.listPrincipals({ limit: 500 })).filter(
    ({ kind, state }) => kind === 'person' && state === 'active',
  )
  return html`<section class="stack tight" aria-labelledby="settings">
    <h2 id="settings">Settings</h2>
    ${fold(
      'Owner',
      form({
        action: `/upstreams/${upstream.name}/owner`,
        csrf,
        content: html`<div class="field">
            <label for="ownerId">Who answers for it?</label>
            <select id="ownerId" name="ownerId" required>
              ${people.map(({ id, name }) => option(id, visible(name), id === upstream.ownerId))}
            </select>
          </div>
          ${reasonField('why-owner')}
          <div class="actions"><button>Set the owner</button></div>`,
      }),
    )}
    ${fold(
      'Declare a method outside the protocol',
      form({
        action: `/upstreams/${upstream.name}/tools/method`,
        csrf,
        content: html`<p class="muted">
            For extensions that bring methods of their own. It is called like a tool, its parameters are its arguments.
          </p>
          <div class="field">
            <label for="method">Method</label>
            <input
              id="method"
              name="method"
              required
              maxlength="128"
              autocomplete="off"
              spellcheck="false"
              placeholder="example/do"
            />
          </div>
          <div class="field">
            <label for="method-effect">What it does</label>
            <select id="method-effect" name="effect">
              ${effects.toReversed().map((effect) => option(effect, effect))}
            </select>
          </div>
          ${reasonField('why-method')}
          <div class="actions"><button>Declare it</button></div>`,
      }),
    )}
    ${fold(
      'Gravest effect',
      form({
        action: `/upstreams/${upstream.name}/ceiling`,
        csrf,
        content: html`<div class="field">
            <label for="ceiling">Tools of a graver effect cannot be called, whoever approves</label>
            <select id="ceiling" name="ceiling">
              ${effects.map((effect) => option(effect, effect, effect === upstream.ceiling))}
            </select>
          </div>
          ${reasonField('why-ceiling')}
          <div class="actions"><button>Set the gravest effect</button></div>`,
      }),
    )}
    ${'digest' in upstream.launch && documentSetting(upstream, csrf)} ${proofSetting(upstream, csrf)}
  </section>`
}

const takes: Record<Proof, string> = {
  optional: 'every token, bound to a key or not',
  required: 'only tokens that are bound to a key',
}

function documentSetting({ name }: Upstream, csrf: string): Html {
  return fold(
    'OpenAPI document',
    form({
      action: `/upstreams/${name}/document`,
      csrf,
      upload: true,
      content: html`<p class="muted">
          Another one takes the place of the one that it has. Calls under way end; tools that become different are
          withheld until they are accepted. Where the API is stays, whatever the document says.
        </p>
        ${documentField({ required: true })} ${reasonField('why-document')}
        <div class="actions"><button>Replace the document</button></div>`,
    }),
  )
}

function proofSetting({ name, proof }: Upstream, csrf: string): Html {
  return fold(
    'Access tokens that it takes',
    form({
      action: `/upstreams/${name}/proof`,
      csrf,
      content: html`<p class="muted">
          A token that is bound to a key (DPoP) is worth nothing to who copied it. Few clients can do this yet: all
          others are refused from then on.
        </p>
        <div class="field">
          <label for="proof">It takes</label>
          <select id="proof" name="proof">
            ${proofs.map((one) => option(one, takes[one], one === proof))}
          </select>
        </div>
        ${reasonField('why-proof')}
        <div class="actions"><button>Set which tokens it takes</button></div>`,
    }),
  )
}

function historyList(history: Awaited<ReturnType<typeof listHistory>>, names: ReadonlyMap<string, Principal>): Html {
  if (history.length === 0) return html``
  return html`<section class="stack tight" aria-labelledby="history">
    <h2 id="history">History</h2>
    <div class="table">
      <table>
        <thead>
          <tr>
            <th>When</th>
            <th>What</th>
            <th>By</th>
            <th>Why</th>
          </tr>
        </thead>
        <tbody>
          ${history.map(
            ({ seq, entry }) =>
              html`<tr>
                <td data-label="When">${instant(entry.at)}</td>
                <td data-label="What"><a href="/ledger/${seq}">${visible(entry.what)}</a></td>
                <td data-label="By">${names.has(entry.by) ? person(names.get(entry.by)) : visible(entry.by)}</td>
                <td data-label="Why">${visible(entry.reason ?? '')}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`
}
