import { html } from '../../base/page.ts'
import type { PageRoute } from '../page.ts'
import { bundleFields } from './bundle-form.ts'
import { form } from './elements.ts'

export const makeBundlePage: PageRoute = {
  path: '/bundles/new',
  guard: 'administrator',
  async show(rooms, visit) {
    return {
      title: 'Make a bundle',
      width: 'narrow',
      body: html`<div class="stack tight">
          <h1>Make a bundle</h1>
          <p class="lead">
            One address over several upstreams, connected once. It gives nobody a right: who may use which tool stays as
            it is at each upstream.
          </p>
        </div>
        <div class="card">
          ${form({
            action: '/bundles',
            csrf: visit.csrf,
            content: html`<div class="field">
                <label for="name">Name</label>
                <input
                  id="name"
                  name="name"
                  required
                  pattern="[a-z][a-z0-9\\-]{0,22}[a-z0-9]"
                  maxlength="24"
                  autocomplete="off"
                  autocapitalize="none"
                  spellcheck="false"
                  aria-describedby="name-hint"
                />
                <span class="hint" id="name-hint"
                  >2 to 24 of a–z, 0–9 and -. It is the address, <code>/mcp/&lt;name&gt;</code>, and never used twice.
                  The shorter it is, the longer may be the names of tools.</span
                >
              </div>
              ${await bundleFields(rooms, visit)}
              <div class="actions"><button class="primary">Make it</button></div>`,
          })}
        </div>`,
    }
  },
}
