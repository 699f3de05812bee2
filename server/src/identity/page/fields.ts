import { html, type Html } from '../../base/page.ts'

/** Who signs in, by the login that is kept here. */
export function loginField(given: { value: string | undefined; focus?: boolean }): Html {
  return html`<div class="field">
    <label for="login">Login</label>
    <input
      id="login"
      name="login"
      value="${given.value ?? ''}"
      autocomplete="username"
      autocapitalize="none"
      spellcheck="false"
      maxlength="200"
      required
      ${given.focus ? html`autofocus` : ''}
    />
  </div>`
}

/** The password that somebody has. */
export function passwordField(given: { focus?: boolean } = {}): Html {
  return html`<div class="field">
    <label for="password">Password</label>
    <input
      id="password"
      name="password"
      type="password"
      autocomplete="current-password"
      maxlength="1000"
      required
      ${given.focus ? html`autofocus` : ''}
    />
  </div>`
}

/** A password that is chosen. */
export function newPasswordField(label: string): Html {
  return html`<div class="field">
    <label for="password">${label}</label>
    <input
      id="password"
      name="password"
      type="password"
      autocomplete="new-password"
      minlength="12"
      maxlength="200"
      required
      aria-describedby="password-hint"
    />
    <span class="hint" id="password-hint">12 characters or more; a few words are good</span>
  </div>`
}
