import { html } from '../../base/page.ts'
import { loginField, newPasswordField, passwordField } from './fields.ts'
import { hidden, problem, taskPage } from './frame.ts'

export function recoveryPage(given: {
  token: string
  login?: string | undefined
  problem?: string | undefined
}): string {
  return taskPage(
    'Use a recovery code',
    html`${problem(given.problem)}
      <form class="card" method="post" action="/sign-in/recovery">
        ${hidden({ csrf: given.token })}
        <p class="muted">
          For when your passkey is not at hand. Each code works once; all other sign-ins of yours end.
        </p>
        ${loginField({ value: given.login })} ${passwordField()}
        <div class="field">
          <label for="code">Recovery code</label>
          <input
            id="code"
            name="code"
            autocomplete="off"
            autocapitalize="none"
            spellcheck="false"
            maxlength="100"
            required
            aria-describedby="code-hint"
          />
          <span class="hint" id="code-hint">five groups of four letters and digits</span>
        </div>
        <button class="primary wide" type="submit">Sign in</button>
      </form>
      <p class="muted small">No code left? An administrator can send you a link to start anew.</p>`,
  )
}

export function resetPage(given: { path: string; token: string; login: string; problem?: string | undefined }): string {
  return taskPage(
    'Choose a new password',
    html`${problem(given.problem)}
      <form class="card" method="post" action="${given.path}">
        ${hidden({ csrf: given.token })}
        <p>
          For the login <strong>${given.login}</strong>. Your passkeys and recovery codes are removed, and you are
          signed out everywhere else.
        </p>
        <input type="hidden" name="username" value="${given.login}" autocomplete="username" />
        ${newPasswordField('New password')}
        <button class="primary wide" type="submit">Set the password</button>
      </form>
      <p class="muted small">This link works once.</p>`,
  )
}
