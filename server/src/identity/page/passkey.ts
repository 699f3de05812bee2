import { html } from '../../base/page.ts'
import type { WebauthnOptions } from '../passkeys.ts'
import { hidden, taskPage } from './frame.ts'
import { script } from './script.ts'

export interface PasskeyPage {
  /** Whether one is to be used, or made. */
  what: 'use' | 'make'
  options: WebauthnOptions
  /** Where the answer goes, and what goes with it. */
  action: string
  fields: Record<string, string>
  /** Where to go instead. */
  back: string
}

const words = {
  use: {
    title: 'Sign in with a passkey',
    lead: 'Your browser asks for your passkey now: a fingerprint, a face, a PIN or a security key.',
    button: 'Use a passkey',
    failed: 'No passkey was used. Try again, or go back and sign in with a password.',
  },
  make: {
    title: 'Add a passkey',
    lead: 'Your browser asks where the passkey shall be kept: on this device, on a phone or on a security key.',
    button: 'Make the passkey',
    failed: 'No passkey was made. Try again, or go back.',
  },
} as const

/** The page on which a browser asks for a passkey. Nothing else of this gateway needs a script. */
export function passkeyPage({ what, options, action, fields, back }: PasskeyPage): string {
  const { title, lead, button, failed } = words[what]
  return taskPage(
    title,
    html`<p class="notice warn" role="alert" id="problem">
        Passkeys need scripts, which are switched off in this browser.
      </p>
      <form
        class="card"
        method="post"
        action="${action}"
        data-passkey="${what}"
        data-options="${JSON.stringify(options)}"
        data-failed="${failed}"
        data-known="This authenticator holds a passkey of yours already."
        data-unable="This browser cannot use passkeys."
      >
        ${hidden({ ...fields, answer: '' })}
        <p>${lead}</p>
        <div class="actions">
          <button class="primary" type="button" hidden>${button}</button>
          <a class="button quiet" href="${back}">Go back</a>
        </div>
      </form>
      <script src="${script.path}" defer></script>`,
  )
}
