import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { PageRoute } from '../page.ts'
import { documentField } from './document-field.ts'
import type { ControlRooms } from '../rooms.ts'
import { fold, form, option, reasonField } from './elements.ts'

export const proposePage: PageRoute = {
  path: '/upstreams/new',
  guard: 'administrator',
  async show({ identity, launches, documents }, { viewer, csrf, given }) {
    const before = (name: string) => given?.get(name) ?? ''
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
            upload: true,
            content: html`<div class="field">
                <label for="name">Name</label>
                <input
                  id="name"
                  name="name"
                  value="${before('name')}"
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
                ${ways(before, { launches, documents })}
              </fieldset>
              <div class="field">
                <label for="purpose">What is it for?</label>
                <textarea id="purpose" name="purpose" required minlength="3" maxlength="500">
${before('purpose')}</textarea>
              </div>
              <div class="field">
                <label for="ownerId">Who owns it?</label>
                <select id="ownerId" name="ownerId" required>
                  ${people.map(({ id, name }) => option(id, visible(name), id === (before('ownerId') || viewer.principal.id)))}
                </select>
              </div>
              ${reasonField('reason', 'Why is it proposed?', before('reason'))}
              <div class="actions"><button class="primary">Propose</button></div>`,
          })}
        </div>`,
    }
  },
}

type Before = (name: string) => string

function ways(before: Before, { launches, documents }: Pick<ControlRooms, 'launches' | 'documents'>): Html {
  const program = before('command') !== ''
  const api = ['openapi', 'server', 'document'].some((name) => before(name) !== '')
  return html`${fold('An MCP server at an address', addressFields(before), before('url') !== '' || !(program || api))}
  ${fold('A program that is started here', commandField(launches, before), program)}
  ${fold('An HTTP API, by its OpenAPI document', apiFields(documents, before), api)}`
}

function addressFields(before: Before): Html {
  return html`<div class="field">
      <label for="url">Address</label>
      <input
        id="url"
        name="url"
        type="url"
        value="${before('url')}"
        maxlength="2048"
        placeholder="https://mcp.example.com/mcp"
        autocomplete="off"
      />
    </div>
    <div class="field">
      <label for="transport">Transport at this address</label>
      <select id="transport" name="transport">
        ${option('', 'streamable HTTP')} ${option('sse', 'HTTP+SSE (deprecated)', before('transport') === 'sse')}
      </select>
    </div>`
}

function commandField(launches: readonly { name: string }[], before: Before): Html {
  return html`<div class="field">
    <label for="command">Program (stdio)</label>
    <select id="command" name="command" aria-describedby="command-hint">
      ${option('', '—')} ${launches.map(({ name }) => option(name, name, name === before('command')))}
    </select>
    <span class="hint" id="command-hint">Programs are named in the configuration file, under <code>stdio</code>.</span>
  </div>`
}

function apiFields(documents: readonly string[], before: Before): Html {
  return html`${documentField({ required: false })}
    <div class="field">
      <label for="server">Where this API is</label>
      <input
        id="server"
        name="server"
        type="url"
        value="${before('server')}"
        maxlength="2048"
        placeholder="https://api.example.com/v1"
        autocomplete="off"
        aria-describedby="server-hint"
      />
      <span class="hint" id="server-hint"
        >When empty, the first server that the document names. It cannot be changed later.</span
      >
    </div>
    ${
      documents.length > 0 &&
      html`<div class="field">
        <label for="document">Or a document of the configuration</label>
        <select id="document" name="document" aria-describedby="document-hint">
          ${option('', '—')} ${documents.map((name) => option(name, name, name === before('document')))}
        </select>
        <span class="hint" id="document-hint"
          >Named in the configuration file, under <code>openapi</code>, with where its API is.</span
        >
      </div>`
    }`
}
