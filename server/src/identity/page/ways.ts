import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Passkey } from '../../store/passkeys.ts'
import { recoveryCodes } from '../local/recovery-code.ts'
import { hidden, problem, taskPage } from './frame.ts'
import { newPasswordField } from './fields.ts'

export interface WaysPage {
  name: string
  csrf: string
  /** What of his is kept here; absent where another house signs him in. */
  own: { login: string; passkeyOnly: boolean; passkeys: readonly Passkey[]; codesLeft: number } | undefined
  /** Who signs him in. */
  issuer: string
  /** Whether browsers make passkeys for this address. */
  possible: boolean
  /** Whether a passkey must be added before anything else. */
  wanting: boolean
  /** Whether he signed in a moment ago: only then is anything changed. */
  fresh: boolean
  /** Whether he came by passkey or recovery code. Otherwise a passkey that he has must be used, or else the password given. */
  strong: boolean
  now: number
  /** Where he was going when he was shown this page: a path of ours. */
  next: string
  problem?: string | undefined
  done?: string | undefined
}

export const waysPath = '/sign-in/ways'

export function waysPage(given: WaysPage): string {
  const { own, wanting, fresh } = given
  return taskPage(
    'Ways to sign in',
    html`${problem(given.problem)}
      ${given.done !== undefined && html`<p class="notice good" role="status">${given.done}</p>`}
      ${wanting && html`<p class="notice warn" role="status">Here a password alone is not enough. ${wanted(given)}</p>`}
      ${own !== undefined && waitingNotice(given, own)} ${own === undefined ? elsewhere(given) : ''}
      ${own !== undefined && !fresh && signInAgain('To change anything, sign in once more.')}
      ${own !== undefined && html`${passkeyCard(given, own)} ${!wanting && html`${given.possible && codeCard(given, own)} ${passwordCard(given)}`}`}
      <form method="post" action="/sign-out">
        ${hidden({ csrf: given.csrf })}
        <div class="row apart">
          ${wanting ? html`<span></span>` : html`<a href="/you">Back</a>`}
          <button class="quiet" type="submit">Sign out</button>
        </div>
      </form>`,
  )
}

type Own = NonNullable<WaysPage['own']>

function elsewhere({ issuer }: WaysPage): Html {
  return html`<div class="card">
    <p>You sign in through <strong>${visible(issuer)}</strong>: passwords and passkeys are kept there, not here.</p>
  </div>`
}

function waits({ now }: WaysPage, { countsAt }: Passkey): boolean {
  return countsAt > now
}

/** Whether passkeys are shown to somebody who has not used one. */
function isLocked(page: WaysPage, { passkeys }: Own): boolean {
  return !page.strong && passkeys.some((one) => !waits(page, one))
}

function wanted(page: WaysPage): string {
  const passkeys = page.own?.passkeys ?? []
  if (passkeys.length === 0) return 'Add a passkey to go on.'
  return passkeys.some((one) => !waits(page, one))
    ? 'Sign in with your passkey to go on.'
    : 'You go on when your passkey counts, or an administrator sends you a link to set a new password.'
}

/** Somebody else may know the password: whose passkey it is, only the person can say. */
function waitingNotice(page: WaysPage, { passkeys }: Own): Html {
  const { csrf, fresh, wanting, next } = page
  const waiting = passkeys.find((one) => waits(page, one))
  if (waiting === undefined) return html``
  return html`<div class="notice warn" role="status">
    <p>
      The passkey <strong>${visible(waiting.name)}</strong> was added on ${minute(waiting.createdAt)} by your password
      alone. Until ${minute(waiting.countsAt)} it is worth no more than that; from then on it changes everything here.
      If it is not yours, remove it, and set a new password.
    </p>
    <div class="row apart">
      ${fresh ? removeForm(csrf, waiting, 'It is not mine: remove it') : html`<span></span>`}
      ${!wanting && html`<a class="button quiet" href="${next}">It is mine: go on</a>`}
    </div>
  </div>`
}

function removeForm(csrf: string, { id, name }: Passkey, label: string): Html {
  return html`<form class="inline" method="post" action="${waysPath}/passkeys/remove">
    ${hidden({ csrf, id })}
    <button class="quiet" type="submit" aria-label="${label === 'Remove' ? `Remove ${visible(name)}` : label}">
      ${label}
    </button>
  </form>`
}

function signInAgain(why: string): Html {
  return html`<div class="notice">
    <div class="row apart">
      <span>${why}</span>
      <a class="button quiet" href="/sign-in?again&return_to=${encodeURIComponent(waysPath)}">Sign in again</a>
    </div>
  </div>`
}

function currentField(id: string): Html {
  return html`<div class="field">
    <label for="${id}">Password until now</label>
    <input id="${id}" name="current" type="password" autocomplete="current-password" maxlength="1000" required />
  </div>`
}

function passkeyCard(page: WaysPage, own: Own): Html {
  const { csrf, possible, strong } = page
  const fresh = page.fresh && !isLocked(page, own)
  if (!possible) {
    return html`<section class="card" aria-labelledby="passkeys">
      <h2 id="passkeys">Passkeys</h2>
      <p class="muted">Browsers make no passkeys for this address: they need a name such as gateway.example.com.</p>
    </section>`
  }
  return html`<section class="card" aria-labelledby="passkeys">
    <h2 id="passkeys">Passkeys</h2>
    ${own.passkeys.length === 0 && html`<p class="muted">None yet.</p>`}
    ${
      own.passkeys.length > 0 &&
      html`<ul class="plain">
        ${own.passkeys.map((one) => passkeyLine(one, { csrf, fresh: fresh && !waits(page, one) }))}
      </ul>`
    }
    ${page.fresh && !fresh && signInAgain('To change these, sign in with your passkey.')}
    ${
      fresh &&
      (strong || own.passkeys.length === 0) &&
      html`<form method="post" action="${waysPath}/passkeys">
        ${hidden({ csrf })}
        <div class="field">
          <label for="name">Name of the new one</label>
          <input id="name" name="name" maxlength="60" required autocomplete="off" placeholder="this laptop" />
        </div>
        ${!strong && currentField('current-add')}
        <div class="actions"><button class="primary" type="submit">Add a passkey</button></div>
      </form>`
    }
    ${own.passkeys.some((one) => !waits(page, one)) && !page.wanting && onlyForm({ csrf, fresh }, own)}
  </section>`
}

function passkeyLine(passkey: Passkey, form: { csrf: string; fresh: boolean }): Html {
  const { name, synced, createdAt, usedAt } = passkey
  const used = usedAt === undefined ? 'never used' : html`last used ${day(usedAt)}`
  return html`<li>
    <div class="row apart">
      <span>
        <strong>${visible(name)}</strong>
        <span class="muted small">${synced ? 'synced' : 'on one device'}, added ${day(createdAt)}, ${used}</span>
      </span>
      ${form.fresh && removeForm(form.csrf, passkey, 'Remove')}
    </div>
  </li>`
}

function onlyForm({ csrf, fresh }: { csrf: string; fresh: boolean }, { passkeyOnly }: Own): Html {
  const says = passkeyOnly
    ? 'Your password alone opens nothing: a passkey, or a recovery code beside it, is needed.'
    : 'Your password alone still signs you in.'
  return html`<div class="row apart">
    <span class="muted">${says}</span>
    ${
      fresh &&
      html`<form class="inline" method="post" action="${waysPath}/only">
        ${hidden({ csrf, only: passkeyOnly ? '' : 'yes' })}
        <button class="quiet" type="submit">${passkeyOnly ? 'Allow the password alone' : 'Only by passkey'}</button>
      </form>`
    }
  </div>`
}

function codeCard(page: WaysPage, own: Own): Html {
  const { csrf, fresh, strong } = page
  const { codesLeft } = own
  return html`<section class="card" aria-labelledby="codes">
    <h2 id="codes">Recovery codes</h2>
    <p class="muted">
      ${codesLeft === 0 ? 'None.' : `${codesLeft} of ${recoveryCodes} left.`} Each lets you in once beside your password
      when no passkey is at hand. They are made while you are signed in by passkey.
    </p>
    ${
      fresh &&
      strong &&
      html`<form method="post" action="${waysPath}/codes">
        ${hidden({ csrf })}
        <div class="actions">
          <button type="submit">${codesLeft === 0 ? 'Make ten codes' : 'Make ten new codes'}</button>
        </div>
      </form>`
    }
  </section>`
}

function passwordCard({ csrf, fresh, strong }: WaysPage): Html {
  return html`<section class="card" aria-labelledby="change">
    <h2 id="change">Password</h2>
    <p class="muted">With a new one you are signed out everywhere else.</p>
    ${
      fresh &&
      html`<form method="post" action="${waysPath}/password">
        ${hidden({ csrf })} ${!strong && currentField('current')} ${newPasswordField('New password')}
        <div class="actions"><button type="submit">Change the password</button></div>
      </form>`
    }
  </section>`
}

export function codesPage(codes: readonly string[]): string {
  return taskPage(
    'Your recovery codes',
    html`<div class="card">
      <p class="notice warn">They are shown this once. The codes before them are void.</p>
      <pre class="copy" tabindex="0">${codes.join('\n')}</pre>
      <p>Print them, or keep them in a password manager that opens without this passkey.</p>
      <div class="actions"><a class="button primary" href="${waysPath}">Done</a></div>
    </div>`,
  )
}

function minute(at: number): Html {
  const text = new Date(at).toISOString()
  return html`<time datetime="${text}">${text.slice(0, 16).replace('T', ' ')} UTC</time>`
}

function day(at: number): Html {
  const date = new Date(at).toISOString().slice(0, 10)
  return html`<time datetime="${date}">${date}</time>`
}
