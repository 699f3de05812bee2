import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { effects } from '../../model/effect.ts'
import type { Principal } from '../../model/principal.ts'
import type { PageRoute, Visit } from '../page.ts'
import { readNames } from '../people.ts'
import type { ControlRooms } from '../rooms.ts'
import { empty, fold, form, instant, option, person, reasonField, stateBadge } from './elements.ts'

const proofs = {
  key: 'it signs by a key of its own',
  secret: 'it shows a secret that both know',
  workload: 'its platform vouches for it',
} as const

export const machinesPage: PageRoute = {
  path: '/machines',
  guard: 'administrator',
  async show(rooms, visit) {
    const machines = await rooms.identity.listMachines()
    const owners = await readNames(
      rooms,
      machines.map(({ ownerId }) => ownerId),
    )
    return {
      title: 'Machines',
      body: html`<div class="stack tight">
          <h1>Machines</h1>
          <p class="lead">
            A machine calls tools in its own name. A person answers for it, and nobody signs in through it: the
            configuration says how it proves itself.
          </p>
        </div>
        ${fold('Make a machine', form({ action: '/machines', csrf: visit.csrf, content: await making(rooms, visit) }))}
        ${machines.length === 0 ? empty('There is no machine yet.') : table(machines, owners)}`,
    }
  },
}

async function making(rooms: ControlRooms, { viewer }: Visit): Promise<Html> {
  return html`<div class="field">
      <label for="name"
        >Name <span class="hint">as the configuration calls it; a–z, 0–9 and -; never changes</span></label
      >
      <input
        id="name"
        name="name"
        required
        maxlength="63"
        pattern="[a-z0-9]([a-z0-9\\-]*[a-z0-9])?"
        autocapitalize="none"
        autocomplete="off"
        spellcheck="false"
      />
    </div>
    <div class="field">
      <label for="title">What people call it</label>
      <input id="title" name="title" required maxlength="100" autocomplete="off" />
    </div>
    ${await ownerField(rooms, viewer.principal.id)} ${reasonField('why-machine', 'What is it for?')}
    <div class="actions"><button class="primary">Make the machine</button></div>`
}

async function ownerField({ identity }: Pick<ControlRooms, 'identity'>, chosen: string | undefined): Promise<Html> {
  const all = await identity.listPrincipals({ limit: 500 })
  const people = all.filter(({ kind, state }) => kind === 'person' && state === 'active')
  return html`<div class="field">
    <label for="ownerId">Who answers for it?</label>
    <select id="ownerId" name="ownerId" required>
      ${people.map(({ id, name }) => option(id, visible(name), id === chosen))}
    </select>
  </div>`
}

function table(machines: readonly Principal[], owners: ReadonlyMap<string, Principal>): Html {
  return html`<div class="table">
    <table>
      <thead>
        <tr>
          <th>Name</th>
          <th>State</th>
          <th>Owner</th>
          <th>Since</th>
        </tr>
      </thead>
      <tbody>
        ${machines.map((one) => {
          const owner = one.ownerId === undefined ? undefined : owners.get(one.ownerId)
          return html`<tr>
            <th scope="row">
              <a href="/people/${one.id}">${visible(one.name)}</a>
              <span class="muted small mono">${one.subject}</span>
            </th>
            <td data-label="State">${stateBadge(one.state)}</td>
            <td data-label="Owner">
              ${person(owner, { link: true })} ${owner?.state !== 'active' && html`<span class="badge bad">left</span>`}
            </td>
            <td data-label="Since">${instant(one.createdAt)}</td>
          </tr>`
        })}
      </tbody>
    </table>
  </div>`
}

/** What the page of a principal says of a machine: who answers for it, and how it proves itself. */
export async function machineCard(
  rooms: ControlRooms,
  { machine, visit }: { machine: Principal; visit: Visit },
): Promise<Html> {
  const owner = machine.ownerId === undefined ? undefined : await rooms.identity.findPrincipal(machine.ownerId)
  const clients = rooms.oauth.clientsOfMachine(machine.subject)
  const owning = html`${await ownerField(rooms, machine.ownerId)} ${reasonField('why-owner')}
    <div class="actions"><button class="primary">Set the owner</button></div>`
  return html`<section class="card" aria-labelledby="machine">
    <h2 id="machine">A machine</h2>
    ${
      owner?.state !== 'active' &&
      html`<p class="notice warn">Who answered for it is not active here any more. It is given nothing new.</p>`
    }
    <dl class="facts">
      <dt>Answers for it</dt>
      <dd>${person(owner, { link: true })}</dd>
      <dt>Proves itself</dt>
      <dd>
        ${
          clients.length === 0
            ? html`<span class="muted">not yet: no client and no workload of the configuration names it</span>`
            : html`<ul class="plain">
                ${clients.map(
                  ({ id, name, proof }) =>
                    html`<li>
                      ${visible(name)} <span class="mono small">${visible(id)}</span>
                      <span class="muted">${proofs[proof]}</span>
                      ${proof === 'secret' && html`<span class="badge warn">shared secret</span>`}
                    </li>`,
                )}
              </ul>`
        }
      </dd>
    </dl>
    ${fold(
      'Name another owner',
      form({ action: `/machines/${machine.subject}/owner`, csrf: visit.csrf, content: owning }),
    )}
  </section>`
}

/** The way to give a machine a grant, where there is a client that could have it. */
export async function grantingTo(
  { inventory, oauth }: ControlRooms,
  { machine, visit }: { machine: Principal; visit: Visit },
): Promise<Html> {
  const clients = oauth.clientsOfMachine(machine.subject)
  if (machine.state !== 'active' || clients.length === 0) return html``
  const held = new Set((await inventory.listRights(machine.id)).map(({ upstream }) => upstream))
  const bundles = (await inventory.listBundles()).filter(
    ({ state, members }) => state === 'serving' && members.some(({ upstream }) => held.has(upstream)),
  )
  const places = [...held, ...bundles.map(({ name }) => name)].sort()
  const content = html`<p class="muted">
      It holds what the machine has a right to now, by the accepted definitions, and takes the place of its earlier
      grant there. What returns secrets is in it only if it is named in a call of the API.
    </p>
    <div class="field">
      <label for="grant-upstream">Where?</label>
      <select id="grant-upstream" name="upstream" required>
        ${places.map((name) => option(name, name))}
      </select>
    </div>
    <div class="field">
      <label for="grant-client">To which client?</label>
      <select id="grant-client" name="client" required>
        ${clients.map(({ id, name }) => option(id, `${visible(name)} (${visible(id)})`))}
      </select>
    </div>
    <div class="field">
      <label for="grant-upTo">Which tools?</label>
      <select id="grant-upTo" name="upTo" required>
        ${effects.map((effect) => option(effect, effect === 'destructive' ? 'all of them' : `all up to: ${effect}`))}
      </select>
    </div>
    <div class="field">
      <label for="grant-days">Ends after days</label>
      <input id="grant-days" name="days" type="number" min="1" max="365" value="90" required />
    </div>
    ${reasonField('why-grant')}
    <div class="actions"><button class="primary">Give the grant</button></div>`
  return html`<section class="stack tight" aria-labelledby="grant">
    <h2 id="grant">Give a grant</h2>
    ${
      places.length === 0
        ? empty('It has no rights yet. Give it some first.')
        : fold(
            'In its name, without a consent page',
            form({ action: `/machines/${machine.subject}/grant`, csrf: visit.csrf, content }),
          )
    }
  </section>`
}

/** The machines that a person answers for: somebody else must, when he leaves. */
export async function answersFor({ identity }: Pick<ControlRooms, 'identity'>, { id }: Principal): Promise<Html> {
  const machines = (await identity.listMachines()).filter(({ ownerId }) => ownerId === id)
  if (machines.length === 0) return html``
  return html`<section class="stack tight" aria-labelledby="machines">
    <h2 id="machines">Answers for</h2>
    <ul class="plain">
      ${machines.map(
        (one) =>
          html`<li>
            <a href="/people/${one.id}">${visible(one.name)}</a> <span class="muted small mono">${one.subject}</span>
          </li>`,
      )}
    </ul>
  </section>`
}
