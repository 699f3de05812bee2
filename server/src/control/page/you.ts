import { html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { PageRoute } from '../page.ts'
import { isFresh } from '../guard.ts'
import { form, instant, signInAgain } from './elements.ts'

export const youPage: PageRoute = {
  path: '/you',
  guard: 'signed-in',
  async show(rooms, { viewer, csrf }) {
    const { inventory, config } = rooms
    const { principal } = viewer
    const rights = await inventory.listRights(principal.id)
    const count = (right: string) => rights.filter((one) => one.right === right).length
    return {
      title: 'You',
      width: 'narrow',
      body: html`<h1>${visible(principal.name)}</h1>
        <div class="card">
          <dl class="facts">
            <dt>Sign in through</dt>
            <dd>${visible(principal.issuer)}</dd>
            ${
              principal.email !== undefined &&
              html`<dt>E-mail</dt>
                <dd>${visible(principal.email)}</dd>`
            }
            <dt>Here since</dt>
            <dd>${instant(principal.createdAt)}</dd>
            <dt>Rights</dt>
            <dd>
              ${viewer.administrator && 'to administer, '}to use ${count('use')} and to approve ${count('approve')}
              tools
            </dd>
          </dl>
          <p><a href="/sign-in/ways">Password, passkeys and recovery codes</a></p>
          ${config.onBehalf.size > 0 && html`<p><a href="/connections">Your connections</a> to upstreams that see who calls</p>`}
          ${form({ action: '/sign-out', csrf, content: html`<div class="actions"><button>Sign out</button></div>` })}
        </div>
        <section class="card" aria-labelledby="key">
          <h2 id="key">A key for the command line</h2>
          <p class="muted">It has your rights, for a day at most, and is shown once.</p>
          ${
            !isFresh(rooms, viewer)
              ? signInAgain('/you')
              : form({
                  action: '/you/key',
                  csrf,
                  content: html`<div class="field">
                      <label for="label">What is it for?</label>
                      <input id="label" name="label" required maxlength="100" placeholder="laptop" autocomplete="off" />
                    </div>
                    <div class="field">
                      <label for="hours">It lasts, in hours</label>
                      <input id="hours" name="hours" type="number" min="1" max="24" value="8" required />
                    </div>
                    <div class="actions"><button class="primary">Make the key</button></div>`,
                })
          }
        </section>`,
    }
  },
}
