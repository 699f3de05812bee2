import assert from 'node:assert/strict'

/** A page as a browser without scripts sees it; status 0 and no text where the browser did not go. */
export interface Page {
  status: number
  url: URL
  headers: Headers
  text: string
}

/** A cookie as a browser keeps it. */
export interface Cookie {
  name: string
  value: string
  /** With the port: two houses on one machine are two places. */
  host: string
  path: string
}

/** One field of a form. */
interface Field {
  name: string
  value: string
  type: string
  checked: boolean
}

/** A form of a page. */
export interface Form {
  action: URL
  /** Whether it sends files. */
  upload: boolean
  fields: Field[]
}

/** Where a request comes from, as a browser says it: `Sec-Fetch-Site` and `Origin`. */
interface From {
  site?: string
  origin?: string
}

/** A request of a browser. */
interface Ask extends From {
  body?: URLSearchParams | FormData
}

/** How to go on from an answer. */
interface Way extends Ask {
  /** False: stays at the first answer, though it be a redirect. */
  follow?: boolean
  /** Addresses that are not asked: the page has the address and no text. */
  stopAt?: (url: URL) => boolean
}

/** Where clients of these tests wait for their answer: nobody listens there, and the browser does not go there. */
export const redirectUri = 'http://127.0.0.1:9/callback'

/**
 * A browser without scripts, as far as tests need one: cookies by host, port and path, redirects, forms, and the headers
 * by which a browser says who sends a request. It does not leave this machine.
 */
export class Browser {
  readonly #origin: string
  readonly #cookies: Cookie[] = []
  /** The address that a proxy says it sits at; believed only where the house trusts proxies of this machine. */
  address: string | undefined
  /** Every request that was made, in order: method, address, status. */
  readonly visited: string[] = []
  /** Every `Set-Cookie` that came, in order. */
  readonly cookiesSet: string[] = []

  /** @param origin where addresses without one, and cookies that are planted, belong. */
  constructor(origin: string) {
    this.#origin = origin
  }

  /** Opens an address as if typed in, and follows redirects. */
  open(address: string | URL, stopAt?: (url: URL) => boolean): Promise<Page> {
    return this.#walk(new URL(address, this.#origin), { site: 'none', ...(stopAt && { stopAt }) })
  }

  /** Opens an address as if typed in, and stays at the first answer. */
  peek(address: string | URL): Promise<Page> {
    return this.#walk(new URL(address, this.#origin), { site: 'none', follow: false })
  }

  /** Opens an address as a link of this page, and follows redirects. */
  follow(page: Page, link: string): Promise<Page> {
    const url = new URL(link, page.url)
    return this.#walk(url, { site: siteOf(page.url, url) })
  }

  /**
   * Fills in a form of a page and sends it; a field given as an array stands once for each value.
   *
   * @param options `to`: the path that the form leads to, when it is not the first; `button`: the one that is pressed;
   *   `files`: what is in the files that were chosen, by field.
   */
  submit(
    page: Page,
    values: Record<string, string | string[]> = {},
    options: { to?: string; button?: string; files?: Record<string, string | Uint8Array<ArrayBuffer>> } = {},
  ): Promise<Page> {
    const form = formOf(page, options.to)
    const body = sentBy(form, options.button)
    for (const name of Object.keys(values)) body.delete(name)
    for (const [name, value] of Object.entries(values)) for (const one of [value].flat()) body.append(name, one)
    const origin = page.headers.get('referrer-policy') === 'no-referrer' ? 'null' : page.url.origin
    const sent = form.upload ? uploadOf(body, options.files ?? {}) : body
    return this.post(form.action, sent, { site: siteOf(page.url, form.action), origin })
  }

  /** Sends a form from wherever `from` says. */
  post(address: URL, body: URLSearchParams | FormData, from: From & { follow?: boolean }): Promise<Page> {
    return this.#walk(address, { ...from, body })
  }

  /** The value of a cookie of this name. */
  cookie(name: string): string | undefined {
    return this.#cookies.find((one) => one.name === name)?.value
  }

  /** The cookies whose name holds this text. */
  cookies(part: string): Cookie[] {
    return this.#cookies.filter(({ name }) => name.includes(part))
  }

  /** The cookies for an address, as a header. */
  cookieFor({ host, pathname }: URL): string {
    const sent = this.#cookies.filter((one) => one.host === host && covers(one.path, pathname))
    return sent.map(({ name, value }) => `${name}=${value}`).join('; ')
  }

  /** Puts a cookie in, as an attacker who can would. */
  plant(given: Pick<Cookie, 'name' | 'value'> & Partial<Cookie>): void {
    const cookie = { host: new URL(this.#origin).host, path: '/', ...given }
    this.#drop(cookie)
    this.#cookies.push(cookie)
  }

  async #walk(from: URL, { stopAt = () => false, follow = true, ...request }: Way): Promise<Page> {
    let url = from
    let ask: Ask = request
    for (let hops = 0; hops < 20; hops++) {
      if (isElsewhere(url) || stopAt(url)) return { url, status: 0, headers: new Headers(), text: '' }
      const page = await this.#ask(url, ask)
      const location = page.headers.get('location')
      if (!follow || page.status < 300 || page.status >= 400 || location === null) return page
      url = new URL(location, url)
      // Who typed an address in is behind all that follows of it; who followed a link is not behind what leads away.
      const site = ask.site !== 'none' && siteOf(page.url, url) !== 'same-origin' ? 'cross-site' : ask.site
      ask = site === undefined ? {} : { site }
    }
    throw new Error(`redirects without end: ${this.visited.slice(-4).join(', ')}`)
  }

  async #ask(url: URL, { site, origin, body }: Ask): Promise<Page> {
    const headers: Record<string, string> = { accept: 'text/html' }
    const cookie = this.cookieFor(url)
    if (cookie) headers['cookie'] = cookie
    if (site) headers['sec-fetch-site'] = site
    if (origin) headers['origin'] = origin
    if (this.address) headers['x-forwarded-for'] = this.address
    const method = body ? 'POST' : 'GET'
    const answer = await fetch(url, { method, headers, redirect: 'manual', ...(body && { body }) })
    this.visited.push(`${method} ${url.href} ${answer.status}`)
    for (const line of answer.headers.getSetCookie()) this.#keep(url, line)
    return { status: answer.status, url, headers: answer.headers, text: await answer.text() }
  }

  #keep({ host, pathname }: URL, line: string): void {
    this.cookiesSet.push(line)
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    const path = /;\s*path=([^;]+)/i.exec(line)?.[1] ?? pathname.slice(0, Math.max(1, pathname.lastIndexOf('/')))
    const ended = /;\s*max-age=0(?:;|$)/i.test(line) || /;\s*expires=Thu, 01 Jan 1970/i.test(line)
    if (ended) this.#drop({ name, host, path })
    else this.plant({ name, value, host, path })
  }

  #drop({ name, host, path }: Omit<Cookie, 'value'>): void {
    const at = this.#cookies.findIndex((one) => one.name === name && one.host === host && one.path === path)
    if (at >= 0) this.#cookies.splice(at, 1)
  }
}

function isElsewhere(url: URL): boolean {
  return !['127.0.0.1', 'localhost'].includes(url.hostname) || url.host === new URL(redirectUri).host
}

// All that is not us counts as another site, though ports of one machine are not: so are the providers of real life.
function siteOf(from: URL, to: URL): string {
  return from.origin === to.origin ? 'same-origin' : 'cross-site'
}

function covers(path: string, pathname: string): boolean {
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`)
}

/** The first form of a page, or the one that leads to this path: the page must have it. */
export function formOf(page: Page, to?: string): Form {
  const forms = formsOf(page)
  const form = to === undefined ? forms[0] : forms.find(({ action }) => action.pathname === to)
  const paths = forms.map(({ action }) => action.pathname).join(', ')
  assert.ok(form, `no form${to ? ` to ${to}` : ''} on ${page.url.href} (${page.status}; ${paths}): ${page.text}`)
  return form
}

/** The forms of a page, with the values that they would send. */
export function formsOf(page: Page): Form[] {
  return [...page.text.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)].map(([, head, inner]) => ({
    action: new URL(unescapeHtml(attribute(head!, 'action') ?? ''), page.url),
    upload: attribute(head!, 'enctype') === 'multipart/form-data',
    fields: fieldsOf(inner!),
  }))
}

// A field for a file in which none was chosen is sent all the same, as a browser does.
function uploadOf(body: URLSearchParams, files: Record<string, string | Uint8Array<ArrayBuffer>>): FormData {
  const sent = new FormData()
  for (const [name, value] of body) if (files[name] === undefined) sent.append(name, value)
  for (const [name, text] of Object.entries(files)) sent.append(name, new File([text], 'document.json'))
  return sent
}

/** What a form sends as it stands, when this button is pressed. */
export function sentBy(form: Form, button?: string): URLSearchParams {
  const body = new URLSearchParams()
  for (const { name, value, type, checked } of form.fields) {
    const choice = type === 'checkbox' || type === 'radio'
    if (type === 'submit' ? value === button : !choice || checked) body.append(name, value)
  }
  return body
}

function fieldsOf(html: string): Field[] {
  const fields: Field[] = []
  for (const [, tag, attributes] of html.matchAll(/<(input|button|textarea|select)\b([^>]*)>/g)) {
    const name = attribute(attributes!, 'name')
    if (name === undefined) continue
    const type = tag === 'button' ? 'submit' : (attribute(attributes!, 'type') ?? tag!)
    const checked = /\bchecked\b/.test(attributes!)
    const value =
      tag === 'select' ? selected(html, name) : (attribute(attributes!, 'value') ?? (type === 'checkbox' ? 'on' : ''))
    fields.push({ name: unescapeHtml(name), value: unescapeHtml(value), type, checked })
  }
  return fields
}

function selected(html: string, name: string): string {
  const select = new RegExp(`<select\\b[^>]*name="${name}"[^>]*>([\\s\\S]*?)</select>`).exec(html)?.[1] ?? ''
  const options = [...select.matchAll(/<option\b([^>]*)>/g)].map(([, attributes]) => attributes!)
  const chosen = options.find((one) => /\bselected\b/.test(one)) ?? options[0]
  return chosen === undefined ? '' : (attribute(chosen, 'value') ?? '')
}

function attribute(attributes: string, name: string): string | undefined {
  return new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1]
}

/** Text as a person would read it. */
export function unescapeHtml(text: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
  return text.replaceAll(/&(amp|lt|gt|quot|#39|#x27);/g, (_, name: string) => named[name] ?? "'")
}
