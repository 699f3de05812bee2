import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Idp } from '../idp.ts'
import { loginField, passwordField } from './fields.ts'
import { hidden, problem, taskPage } from './frame.ts'

export interface SignInPage {
  idps: readonly Idp[]
  /** Whether an e-mail address may lead to a provider. */
  byDomain: boolean
  /** What was typed in as e-mail address. */
  email?: string | undefined
  /** For the form of this browser. */
  token: string
  returnTo: string
  /** Whether whoever is signed in is to sign in anew, and by a login of which class. */
  anew?: { acr?: string } | undefined
  /** What was typed in as login, after a failure. */
  login?: string | undefined
  problem?: string | undefined
  /** Who is signed in already. */
  who?: { name: string; csrf: string; again: boolean } | undefined
  /** Whether passkeys can be used here. */
  passkeys: boolean
}

export function signInPage(given: SignInPage): string {
  const form = given.idps.some((idp) => idp.way === 'form')
  const others = given.idps.filter((idp) => idp.way === 'redirect' && idp.hidden !== true)
  return taskPage(
    'Sign in',
    html`${problem(given.problem)} ${given.who && alreadySignedIn(given.who, given.returnTo)}
      <div class="card">
        ${given.byDomain && domainForm(given)}
        ${given.byDomain && others.length > 0 && html`<p class="muted small">or</p>`}
        ${others.map(
          (idp) =>
            html`<a class="button wide" href="/sign-in/with/${idp.id}?${onwardQuery(given)}"
              >Continue with ${visible(idp.name)}</a
            >`,
        )}
        ${(others.length > 0 || given.byDomain) && form && html`<p class="muted small">or with a password</p>`}
        ${form && passwordForm(given)} ${form && given.passkeys && passkeyForm(given)}
      </div>
      ${form && given.passkeys && html`<p class="muted small"><a href="/sign-in/recovery">Use a recovery code</a></p>`}`,
  )
}

function onwardQuery({ returnTo, anew }: SignInPage): string {
  const more = anew === undefined ? {} : { anew: '', ...anew }
  return new URLSearchParams({ return_to: returnTo, ...more }).toString()
}

function domainForm(given: SignInPage): Html {
  return html`<form method="post" action="/sign-in/find">
    ${hidden({ csrf: given.token, return_to: given.returnTo, ...(given.anew && { anew: 'yes', ...given.anew }) })}
    <div class="field">
      <label for="email">E-mail at your company</label>
      <input
        id="email"
        name="email"
        type="email"
        value="${given.email ?? ''}"
        autocomplete="email"
        maxlength="254"
        required
        ${given.login === undefined && html`autofocus`}
      />
    </div>
    <button class="primary wide" type="submit">Continue</button>
  </form>`
}

function passwordForm(given: SignInPage): Html {
  return html`<form method="post" action="/sign-in">
    ${hidden({ csrf: given.token, return_to: given.returnTo })}
    ${loginField({ value: given.login, focus: !given.login && !given.byDomain })}
    ${passwordField({ focus: Boolean(given.login) })}
    <button class="primary wide" type="submit">Sign in</button>
  </form>`
}

/** On the way to a provider, for browsers that do not go on by themselves. */
export function onwardPage(name: string, url: string): string {
  return taskPage(
    'Sign in',
    html`<div class="card">
      <a class="button wide primary" href="${url}">Continue to ${visible(name)}</a>
    </div>`,
  )
}

function passkeyForm(given: SignInPage): Html {
  return html`<form method="post" action="/sign-in/passkey/begin">
    ${hidden({ csrf: given.token, return_to: given.returnTo })}
    <button class="wide" type="submit">Sign in with a passkey</button>
  </form>`
}

function alreadySignedIn(who: NonNullable<SignInPage['who']>, returnTo: string): Html {
  if (who.again)
    return html`<p class="notice">
      You are signed in as <strong>${visible(who.name)}</strong>. Sign in once more to go on.
    </p>`
  return html`<div class="notice">
    <div class="row apart">
      <span>You are signed in as <strong>${visible(who.name)}</strong>.</span>
      <span class="row">
        <a class="button quiet" href="${returnTo}">Continue</a>
        <form class="inline" method="post" action="/sign-out">
          ${hidden({ csrf: who.csrf })}
          <button class="quiet" type="submit">Sign out</button>
        </form>
      </span>
    </div>
  </div>`
}

export function signOutPage(who: { name: string; csrf: string } | undefined): string {
  if (who === undefined) {
    return taskPage(
      'Signed out',
      html`<p>Nobody is signed in here.</p>
        <p><a class="button" href="/sign-in">Sign in</a></p>`,
    )
  }
  return taskPage(
    'Sign out',
    html`<form class="card" method="post" action="/sign-out">
      ${hidden({ csrf: who.csrf })}
      <p>You are signed in as <strong>${visible(who.name)}</strong>. Clients that you gave grants to keep them.</p>
      <div class="actions"><button class="primary" type="submit">Sign out</button></div>
    </form>`,
  )
}
