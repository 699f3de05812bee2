import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Launch, Upstream } from '../../model/upstream.ts'
import type { Connection } from '../../vault/credentials.ts'
import type { Visit } from '../page.ts'
import type { ControlRooms } from '../rooms.ts'
import { fold, form, hidden, instant, reasonField } from './elements.ts'

/** The credential of an upstream: the names of what is sealed, and the way to put another one in. Values only go in. */
export async function credentialSection(
  rooms: ControlRooms,
  { name, launch }: Upstream,
  { csrf }: Visit,
): Promise<Html> {
  const connections = (await rooms.vault.listConnections(name)).filter(({ principalId }) => principalId === undefined)
  const expected =
    launch.kind === 'stdio' ? (rooms.launches.find((one) => one.name === launch.command)?.credentialNames ?? []) : []
  return html`<section class="stack tight" aria-labelledby="credential">
    <h2 id="credential">Credential</h2>
    ${connections.map((one) => sealed(one, csrf))}
    ${
      connections.length === 0 &&
      html`<p class="muted">
        None.${expected.length > 0 && html` It expects ${expected.map((one) => html`<code>${one}</code> `)}`}
      </p>`
    }
    ${fold(
      connections.length === 0 ? 'Store a credential' : 'Replace the credential',
      form({
        action: `/upstreams/${name}/credential`,
        csrf,
        content: html`<p class="muted">It is sealed, given to this upstream only, and never shown again, to anybody.</p>
          ${expected.length > 0 ? expected.map((one) => secret(`value.${one}`, one)) : freeFields(launch)}
          ${reasonField('why-credential')}
          <div class="actions"><button class="primary">Seal it</button></div>`,
      }),
    )}
  </section>`
}

function sealed(one: Connection, csrf: string): Html {
  return html`<div class="card">
    <dl class="facts">
      <dt>Sealed</dt>
      <dd>${one.names.map((known) => html`<code>${visible(known)}</code> `)}</dd>
      <dt>Since</dt>
      <dd>${instant(one.createdAt)}</dd>
    </dl>
    ${fold(
      'Revoke it',
      form({
        action: `/upstreams/${one.upstream}/credential/revoke`,
        csrf,
        content: html`${hidden({ id: one.id })} ${reasonField(`why-${one.id}`)}
          <div class="actions"><button class="danger">Revoke the credential</button></div>`,
      }),
    )}
  </div>`
}

function freeFields(launch: Launch): Html {
  const [what, usual] = launch.kind === 'stdio' ? ['Environment variable', ''] : ['Header', 'Authorization']
  return html`<div class="field">
      <label for="credential-name">${what}</label>
      <input
        id="credential-name"
        name="name"
        autocomplete="off"
        spellcheck="false"
        maxlength="200"
        required
        value="${usual}"
      />
    </div>
    ${secret('value', 'Value')}`
}

function secret(name: string, label: string): Html {
  return html`<div class="field">
    <label for="${name}">${label}</label>
    <input id="${name}" name="${name}" type="password" autocomplete="off" maxlength="8192" required />
  </div>`
}
