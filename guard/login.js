/** The gateway did not take what was said; `code` is its fault code, such as `identity.bridge_refused`. */
export class LoginRefused extends Error {
  /**
   * @param {string} message
   * @param {{ code: string, status: number }} of
   */
  constructor(message, { code, status }) {
    super(message)
    this.name = 'LoginRefused'
    this.code = code
    this.status = status
  }
}

/**
 * Tells the gateway who is signed in at your application, for one login that waits there.
 *
 * Call it from your backend, for the person of the session in which the page was opened, and only when that person has
 * agreed. It can be called once for each `externalAuthId`.
 *
 * @param {{ gateway: string, id: string, secret: string }} bridge `gateway`: its public origin; `id` and `secret`: as
 *   `login.bridge` of its configuration has them.
 * @param {{ externalAuthId: string, user: { id: string, name?: string, email?: string } }} login `externalAuthId`: as it
 *   came with the browser; `user.id`: 1 to 255 visible ASCII characters, never changed and never given to another person.
 * @returns {Promise<string>} Where to send this browser now. It holds a code for it alone: never log it.
 * @throws {LoginRefused} if the login is not waiting, was completed already, or the secret is wrong; nothing happened then.
 * @throws {TypeError} if `gateway` is not https, other than on this machine, or cannot be reached.
 */
export async function vouch({ gateway, id, secret }, { externalAuthId, user }) {
  const url = new URL(`/sign-in/vouch/${encodeURIComponent(id)}`, gateway)
  const here = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && here)) {
    throw new TypeError('the gateway must be reached by https: the secret would travel in clear')
  }
  const answer = await fetch(url, {
    method: 'POST',
    // A redirect would carry the secret somewhere else.
    redirect: 'error',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ external_auth_id: externalAuthId, user }),
    signal: AbortSignal.timeout(10_000),
  })
  /** @type {{ redirect_uri?: unknown, message?: unknown, code?: unknown }} */
  const body = Object(await answer.json().catch(() => ({})))
  if (answer.ok && typeof body.redirect_uri === 'string') return body.redirect_uri
  const { message, code } = body
  throw new LoginRefused(typeof message === 'string' ? message : `the gateway answered ${answer.status}`, {
    code: typeof code === 'string' ? code : 'unknown',
    status: answer.status,
  })
}
