import type { ErrorOut, KoaContextWithOIDC } from 'oidc-provider'
import { html, page, pageHeaders } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'

const advice: Record<string, string> = {
  invalid_client:
    'This gateway does not know the program that sent you here, or could not check who it is. Remove the connection in that program and add it again.',
  invalid_redirect_uri:
    'The program that sent you here asked for the answer at an address that it had not registered. Go no further unless you know why.',
  invalid_target: 'The program asked for a server that is not here. Check the address of the server in its settings.',
  temporarily_unavailable:
    'The program that sent you here is described at another place, which does not answer now. Try again in a moment.',
  server_error:
    'Something failed inside the gateway. Try again; if it stays, tell its operator the time and this page.',
}

/**
 * Writes the page for an error that must not be sent to a redirect address: it may be somebody else's.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
 */
export function errorPage(out: { error: string; description: string | undefined }): string {
  return page({
    title: 'Cannot continue',
    width: 'narrow',
    body: html`<h1>Cannot continue</h1>
      <p class="lead">${advice[out.error] ?? 'The request of the program that sent you here is not valid.'}</p>
      <p class="notice bad">
        <code>${visible(out.error)}</code>${out.description ? html`: ${visible(out.description)}` : ''}
      </p>
      <p class="muted">Nothing was given to anybody. You can close this page.</p>`,
  })
}

/** Shows an error of the protocol engine. */
export function renderError(ctx: KoaContextWithOIDC, out: ErrorOut): void {
  ctx.set(pageHeaders())
  ctx.body = errorPage({ error: out.error, description: out.error_description })
}
