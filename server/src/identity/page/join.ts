import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Idp } from '../idp.ts'
import type { OpenInvitation } from '../invitations.ts'
import { newPasswordField } from './fields.ts'
import { hidden, problem, taskPage } from './frame.ts'

export interface JoinPage {
  invitation: OpenInvitation
  /** The path of this page, which holds the link's secret. */
  path: string
  idps: readonly Idp[]
  token: string
  typed?: { name: string; login: string } | undefined
  problem?: string | undefined
  /** Who is signed in in this browser, and will not be any more. */
  who?: string | undefined
}

export function joinPage(given: JoinPage): string {
  const first = given.invitation.purpose === 'first-administrator'
  const form = given.idps.some((idp) => idp.way === 'form')
  const others = given.idps.filter((idp) => idp.way === 'redirect')
  return taskPage(
    first ? 'Become the first administrator' : 'Accept the invitation',
    html`${problem(given.problem)}
      ${
        given.who !== undefined &&
        html`<p class="notice warn">
          You are signed in as <strong>${visible(given.who)}</strong>. This makes another principal and signs you in as
          that one.
        </p>`
      }
      <p class="lead">${first ? lead : html`You were invited to this gateway${rights(given.invitation)}.`}</p>
      <div class="card">
        ${others.map(
          (idp) =>
            html`<a class="button wide" href="${given.path}/with/${idp.id}">Continue with ${visible(idp.name)}</a>`,
        )}
        ${others.length > 0 && form && html`<p class="muted small">or choose a login and a password</p>`}
        ${form && joinForm(given)}
      </div>
      <p class="muted small">This link works once.</p>`,
  )
}

const lead = html`Whoever administers decides which MCP servers are approved and who may use and approve which tools.`

function rights({ for: whom }: OpenInvitation): Html {
  const count = whom?.rights.length ?? 0
  if (whom?.rights.some((item) => item.right === 'administer')) return html`, to administer it`
  return count === 0 ? html`` : html`, with ${count} ${count === 1 ? 'right' : 'rights'} to tools`
}

function joinForm(given: JoinPage): Html {
  const name = given.typed?.name ?? given.invitation.for?.name ?? ''
  return html`<form method="post" action="${given.path}">
    ${hidden({ csrf: given.token })}
    <div class="field">
      <label for="name">Your name</label>
      <input id="name" name="name" value="${name}" autocomplete="name" maxlength="100" required />
    </div>
    <div class="field">
      <label for="login">Login</label>
      <input
        id="login"
        name="login"
        value="${given.typed?.login ?? ''}"
        autocomplete="username"
        autocapitalize="none"
        spellcheck="false"
        maxlength="64"
        required
        aria-describedby="login-hint"
      />
      <span class="hint" id="login-hint">2 to 64 of a–z, 0–9 and . _ @ + -</span>
    </div>
    ${newPasswordField('Password')}
    <button class="primary wide" type="submit">
      ${given.invitation.purpose === 'invitation' ? 'Join' : 'Become administrator'}
    </button>
  </form>`
}
