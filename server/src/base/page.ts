import { html as honoHtml } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'
import { Fault } from './fault.ts'
import { style } from './style.ts'

/** Markup that is already escaped: only the `html` tag makes it. */
export type Html = HtmlEscapedString

/** A link of the navigation. */
export interface NavItem {
  href: string
  label: string
  /** True for the page that is shown. */
  current?: boolean
  /** How many things wait there; 0 and absent show nothing. */
  count?: number
}

/** What a page is made of. */
export interface Page {
  title: string
  body: Html
  /** `narrow` for a single task (sign in, consent, one approval); `wide` otherwise. */
  width?: 'narrow' | 'wide'
  nav?: {
    items: NavItem[]
    /** Who is signed in. */
    who?: string
    /** The form that signs out. */
    signOut?: Html
  }
}

/**
 * Writes markup: every value is escaped, except `Html`; lists are joined; `null`, `undefined` and booleans are nothing.
 *
 * Values MUST stand in text or in quoted attributes. Addresses from outside MUST be checked before they become an `href`.
 */
export function html(strings: TemplateStringsArray, ...values: unknown[]): Html {
  const shown = values.map((value) => (value === true ? '' : value))
  const made = honoHtml(strings, ...shown)
  if (made instanceof Promise) throw new TypeError('html: a value is a promise; await it first')
  return made
}

/**
 * Writes a whole page: head, navigation, body. Send it with `pageHeaders()`.
 *
 * @returns The document, without scripts, with everything from outside escaped.
 */
export function page({ title, body, width = 'wide', nav }: Page): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>${title} · Sallyport</title>
        <link rel="stylesheet" href="${style.path}" />
        <link rel="icon" href="${icon}" />
      </head>
      <body>
        <a class="skip" href="#main">Skip to content</a>
        <header class="top">
          <div>
            <a class="brand" href="/">${mark} Sallyport</a>
            ${nav && navigation(nav.items)}
            ${nav?.who && html`<div class="who"><span>${nav.who}</span>${nav.signOut}</div>`}
          </div>
        </header>
        <main id="main" class="${width}">${body}</main>
      </body>
    </html> `.toString()
}

function navigation(items: NavItem[]): Html {
  return html`<nav aria-label="Main">
    ${items.map(
      (item) =>
        html`<a href="${item.href}" ${item.current ? html` aria-current="page"` : ''}
          >${item.label}${item.count ? html`<span class="count">${item.count}</span>` : ''}</a
        >`,
    )}
  </nav>`
}

// Two doors, one behind the other: the second opens only after the first has shut.
const mark = html`<svg
  viewBox="0 0 24 24"
  fill="none"
  stroke="currentColor"
  stroke-width="2"
  stroke-linejoin="round"
  aria-hidden="true"
>
  <path d="M3 21V8a5 5 0 0 1 10 0v13z" />
  <path d="M13 21h8V8a5 5 0 0 0-8-4" />
  <path d="M9.5 14.5v.01M17 14.5v.01" stroke-linecap="round" stroke-width="2.4" />
</svg>`

const icon =
  'data:image/svg+xml,' +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#4a67e8" stroke-width="2.4" stroke-linejoin="round"><path d="M3 21V8a5 5 0 0 1 10 0v13z"/><path d="M13 21h8V8a5 5 0 0 0-8-4"/></svg>',
  )

/**
 * The headers of every page: no script, no frame, no foreign content, nothing kept.
 *
 * @param more.script The page loads a script of ours: for what browsers do by script only.
 * @param more.formActions Addresses that a form of this page may end at after redirects, beside this origin: the client's
 *   redirect URI on the consent page. Browsers apply `form-action` to redirects too.
 * @throws {Fault} `base.bad_request` if such an address cannot be named in a policy.
 * @see https://www.w3.org/TR/CSP3/#directive-form-action
 */
export function pageHeaders(more: { formActions?: string[]; script?: boolean } = {}): Record<string, string> {
  const forms = ["'self'", ...(more.formActions ?? []).map(formSource)].join(' ')
  return {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy':
      `default-src 'none'; ${more.script ? "script-src 'self'; " : ''}style-src 'self'; img-src 'self' data:; ` +
      `form-action ${forms}; ` +
      "frame-ancestors 'none'; base-uri 'none'",
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  }
}

function formSource(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined
  // A policy cannot name IPv6 addresses, and a private-use scheme has no host: the scheme is as near as it gets.
  const named = url && /^https?:$/.test(url.protocol) && !url.hostname.startsWith('[')
  const source = named ? url.origin : url?.protocol
  if (!source || !/^[a-z][a-z0-9+.-]*:(?:\/\/[a-z0-9.-]+(?::\d+)?)?$/.test(source)) {
    throw new Fault('base.bad_request', 'cannot send a form to this address')
  }
  return source
}
