import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Fault } from '../../base/fault.ts'
import { makeSecret } from '../../base/ids.ts'
import type { Cookies } from './cookies.ts'

const browserSeconds = 60 * 60
const field = 'csrf'

export type FormBody = URLSearchParams | Readonly<Record<string, unknown>>

/**
 * Refuses a form that another site sent. `Sec-Fetch-Site` says it best; `Origin` is `null` under our own
 * `Referrer-Policy: no-referrer`, and then says nothing.
 */
export function checkOrigin(req: IncomingMessage, ours: string): void {
  const site = req.headers['sec-fetch-site']
  const origin = req.headers.origin
  const silent = origin === undefined || origin === 'null'
  const siteIsOurs = site === 'same-origin' || (site === undefined && !silent)
  if (!siteIsOurs || (!silent && origin !== ours)) {
    throw new Fault(
      'identity.form_refused',
      `cannot accept this form: it was not sent from a page of ${ours}; open that address and try again`,
      {
        detail: `sec-fetch-site ${site ?? 'absent'}, origin ${origin ?? 'absent'}`,
      },
    )
  }
}

/** The token that the forms of a signed-in browser carry. It tells nothing about the cookie's secret. */
export function signedInToken(secret: string): string {
  return createHmac('sha256', secret).update('sallyport/form/1').digest('base64url')
}

export function checkToken(body: FormBody, expected: string): void {
  const given = body instanceof URLSearchParams ? body.get(field) : body[field]
  const bytes = Buffer.from(typeof given === 'string' ? given : '')
  const wanted = Buffer.from(expected)
  if (bytes.length !== wanted.length || !timingSafeEqual(bytes, wanted)) {
    throw new Fault(
      'identity.form_refused',
      'cannot accept this form: it is too old or not of this browser; load the page again',
    )
  }
}

/** A browser in which nobody is signed in: known by a random cookie that we signed, so that nobody else can make one. */
export interface Browser {
  /** Random; its digest stands for the browser. */
  secret: string
  /** For the forms of this browser. */
  token: string
  /** `Set-Cookie`, when the browser is new. */
  cookie: string | undefined
}

export interface Browsers {
  know(req: IncomingMessage): Browser | undefined
  meet(req: IncomingMessage): Browser
}

/** @param keys Newest first: the first signs, all are accepted. */
export function openBrowsers(cookies: Cookies, keys: readonly string[]): Browsers {
  const sign = (key: string, text: string) => createHmac('sha256', key).update(text).digest('base64url')
  const tokenOf = (secret: string) => sign(secret, 'sallyport/browser-form/1')
  function know(req: IncomingMessage): Browser | undefined {
    const [secret, signature] = (cookies.read(req, 'sallyport-browser') ?? '').split('.')
    if (!secret || !signature) return undefined
    const signed = keys.some((key) => {
      const wanted = Buffer.from(sign(key, `browser ${secret}`))
      const given = Buffer.from(signature)
      return wanted.length === given.length && timingSafeEqual(wanted, given)
    })
    return signed ? { secret, token: tokenOf(secret), cookie: undefined } : undefined
  }
  return {
    know,
    meet(req) {
      const known = know(req)
      if (known) return known
      const secret = makeSecret()
      const value = `${secret}.${sign(keys[0]!, `browser ${secret}`)}`
      return { secret, token: tokenOf(secret), cookie: cookies.write('sallyport-browser', value, browserSeconds) }
    },
  }
}
