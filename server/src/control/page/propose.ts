import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { PageRoute } from '../page.ts'
import { form, option, reasonField } from './elements.ts'

export const proposePage: PageRoute = {
  path: '/upstreams/new',
  guard: 'administrator',
  async show({ identity, launches, documents }, { viewer, csrf }) {
    const people = (await identity.listPrincipals({ limit: 500 })).filter(
      ({ kind, state }) => kind === 'person' && state === 'active',
    )
    return {
      title: 'Propose an upstream',
      width: 'narrow',
      body: html`<div class="stack tight">
          <h1>Propose an upstream</h1>
          <p class="lead">It serves nothing until another administrator has reviewed and approved it.</p>
        </div>
        <div class="card">
          ${form({
            action: '/upstreams',
            csrf,
            content: html`<div class="field">
                <label for="name">Name</label>
                <input
                  id="name"
                  name="name"
                  required
                  pattern="[a-z][a-z0-9\\-]{0,38}[a-z0-9]"
                  maxlength="40"
                  autocomplete="off"
                  autocapitalize="none"
                  spellcheck="false"
                  aria-describedby="name-hint"
                />
                <span class="hint" id="name-hint"
                  >2 to 40 of a–z, 0–9 and -. It is the address, <code>/mcp/&lt;name&gt;</code>, and never used
                  twice.</span
                >
              </div>
              <fieldset class="stack">
                <legend>How it is reached: one of these</legend>
                ${addressFields()} ${commandField(launches)} ${documentField(documents)}
              </fieldset>
              <div class="field">
                <label for="purpose">What is it for?</label>
                <textarea id="purpose" name="purpose" required minlength="3" maxlength="500"></textarea>
              </div>
              <div class="field">
                <label for="ownerId">Who owns it?</label>
                <select id="ownerId" name="ownerId" required>
                  ${people.map(({ id, name }) => option(id, visible(name), id === viewer.principal.id))}
                </select>
              </div>
              ${reasonField('reason', 'Why is it proposed?')}
              <div class="actions"><button class="primary">Propose</button></div>`,
          })}
        </div>`,
    }
  },
}

function addressFields(): Html {
  return html`<div class="field">
      <label for="url">Address</label>
      <input
        id="url"
        name="url"
        type="url"
        maxlength="2048"
        placeholder="https://mcp.example.com/mcp"
        autocomplete="off"
      />
    </div>
    <div class="field">
      <label for="transport">Transport at this address</label>
      <select id="transport" name="transport">
        ${option('', 'streamable HTTP')} ${option('sse', 'HTTP+SSE (deprecated)')}
      </select>
    </div>`
}

function commandField(launches: readonly { name: string }[]): Html {
  return html`<div class="field">
    <label for="command">Program (stdio)</label>
    <select id="command" name="command" aria-describedby="command-hint">
      ${option('', '—')} ${launches.map(({ name }) => option(name, name))}
    </select>
    <span class="hint" id="command-hint">Programs are named in the configuration file, under <code>stdio</code>.</span>
  </div>`
}

function documentField(documents: readonly string[]): Html | false {
  return (
    documents.length > 0 &&
    html`<div class="field">
      <label for="document">HTTP API (OpenAPI document)</label>
      <select id="document" name="document" aria-describedby="document-hint">
        ${option('', '—')} ${documents.map((name) => option(name, name))}
      </select>
      <span class="hint" id="document-hint"
        >Each operation becomes a tool. Documents are named in the configuration file, under <code>openapi</code>.</span
      >
    </div>`
  )
}
