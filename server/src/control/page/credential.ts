import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Launch, Upstream } from '../../model/upstream.ts'
import type { Connection } from '../../vault/credentials.ts'
import type { Visit } from '../page.ts'
import type { ControlRooms } from '../rooms.ts'
import { fold, form, hidden, instant, reasonField } from './elements.ts'
import { inNames, peopleConnections } from './people-connections.ts'

/** The credential of an upstream: the names of what is sealed, and the way to put another one in. Values only go in. */
export async function credentialSection(
  rooms: ControlRooms,
  { name, launch, probeError }: Upstream,
  { csrf }: Visit,
): Promise<Html> {
  const all = await rooms.vault.listConnections(name)
  const connections = all.filter(({ principalId }) => principalId === undefined)
  const ofPeople = all.filter(({ principalId }) => principalId !== undefined)
  const expected =
    launch.kind === 'stdio' ? (rooms.launches.find((one) => one.name === launch.command)?.credentialNames ?? []) : []
  return html`<section class="stack tight" aria-labelledby="credential">
    <h2 id="credential">Credential</h2>
    ${inNames(rooms.config, name)} ${connections.map((one) => sealed(one, csrf))}
    ${
      connections.length === 0 &&
      html`<p class="muted">
        None.${probeError !== undefined && ' If it wants one, store it here, and look again.'}${expected.length > 0 && html` It expects ${expected.map((one) => html`<code>${one}</code> `)}`}
      </p>`
    }
    ${'url' in launch && connectFolds(name, connections[0], csrf)}
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
    ${await peopleConnections(rooms, ofPeople, csrf)}
  </section>`
}

function sealed(one: Connection, csrf: string): Html {
  return html`<div class="card">
    <dl class="facts">
      <dt>Sealed</dt>
      <dd>${one.names.map((known) => html`<code>${visible(known)}</code> `)}</dd>
      <dt>Since</dt>
      <dd>${instant(one.createdAt)}</dd>
      ${one.details !== undefined && authorization(one.details)}
    </dl>
    ${one.details !== undefined && standing(one.details)}
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

type Details = NonNullable<Connection['details']>

function authorization({ issuer, clientId, grant, scope }: Details): Html {
  return html`<dt>Authorization server</dt>
    <dd><code>${visible(issuer)}</code></dd>
    <dt>As the client</dt>
    <dd>
      <code>${visible(clientId)}</code> ${grant === 'client_credentials' && html`<span class="muted">by itself</span>`}
    </dd>
    ${
      scope !== undefined &&
      html`<dt>Asked for</dt>
        <dd><code>${visible(scope)}</code></dd>`
    }`
}

function standing({ lapsed, wanted }: Details): Html {
  return html`${
    lapsed !== undefined &&
    html`<p class="notice bad">Its authorization has ended (<code>${visible(lapsed)}</code>). Connect it again.</p>`
  }
  ${
    wanted !== undefined &&
    html`<p class="notice warn">It asked for more: <code>${visible(wanted)}</code>. Connect it again to give it.</p>`
  }`
}

function connectFolds(name: string, current: Connection | undefined, csrf: string): Html {
  const again = current?.details !== undefined
  return html`${fold(
    again ? 'Connect it again' : 'Connect by its authorization server',
    form({
      action: `/upstreams/${name}/connect`,
      csrf,
      content: html`<p class="muted">
          You sign in and consent there; the gateway keeps the tokens sealed and renews them.
        </p>
        ${clientFields(name, { required: false })} ${scopeField(name)} ${reasonField(`why-connect-${name}`)}
        <div class="actions"><button class="primary">Find it</button></div>`,
    }),
  )}
  ${fold(
    'Connect without anybody',
    form({
      action: `/upstreams/${name}/connect-unattended`,
      csrf,
      content: html`<p class="muted">For a client that was registered for itself: a secret, or a private key.</p>
        <div class="field">
          <label for="issuer-${name}">Issuer of the authorization server that knows it</label>
          <input id="issuer-${name}" name="issuer" type="url" maxlength="2048" autocomplete="off" required />
        </div>
        ${clientFields(`${name}-alone`, { required: true })}
        <div class="field">
          <label for="private-key">Private key (PKCS #8, PEM), in place of a secret</label>
          <textarea
            id="private-key"
            name="privateKey"
            maxlength="16384"
            autocomplete="off"
            spellcheck="false"
          ></textarea>
        </div>
        ${scopeField(`${name}-alone`)} ${reasonField(`why-alone-${name}`)}
        <div class="actions"><button class="primary">Connect it</button></div>`,
    }),
  )}`
}

function clientFields(id: string, { required }: { required: boolean }): Html {
  return html`<div class="field">
      <label for="client-${id}">Client id${!required && ', if one was registered beforehand'}</label>
      <input id="client-${id}" name="clientId" maxlength="2048" autocomplete="off" ${required && html`required`} />
    </div>
    <div class="field">
      <label for="secret-${id}">Its secret</label>
      <input id="secret-${id}" name="clientSecret" type="password" maxlength="8192" autocomplete="off" />
    </div>`
}

function scopeField(id: string): Html {
  return html`<div class="field">
    <label for="scope-${id}">Scopes beside those that the upstream asks for</label>
    <input id="scope-${id}" name="scope" maxlength="2000" autocomplete="off" spellcheck="false" />
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
