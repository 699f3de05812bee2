/** What a page said. */
export interface Shown {
  status: number
  url: URL
  headers: Headers
  text: string
}

interface Cookie {
  name: string
  value: string
  host: string
  path: string
}

interface Ask {
  site?: string
  origin?: string
  body?: URLSearchParams
  follow?: boolean
}

/** A browser without scripts that keeps cookies by host and path, as the consent page needs it. */
export class OAuthBrowser {
  readonly #cookies: Cookie[] = []
  /** Every `Set-Cookie` that came, in order. */
  readonly cookiesSet: string[] = []

  /** Opens an address and follows redirects. */
  open(address: string | URL): Promise<Shown> {
    return this.#follow(new URL(address), { site: 'none' })
  }

  /** Opens an address and stays at the first answer. */
  peek(address: string | URL): Promise<Shown> {
    return this.#follow(new URL(address), { site: 'none', follow: false })
  }

  /** Sends a form from wherever `from` says. */
  post(address: URL, body: URLSearchParams, from: Omit<Ask, 'body'> = { site: 'same-origin' }): Promise<Shown> {
    return this.#follow(address, { ...from, body })
  }

  /** Puts a cookie in, as an attacker who can would. */
  plant(cookie: Cookie): void {
    const at = this.#cookies.findIndex(
      (one) => one.name === cookie.name && one.host === cookie.host && one.path === cookie.path,
    )
    if (at >= 0) this.#cookies.splice(at, 1)
    this.#cookies.push(cookie)
  }

  /** The cookies whose name holds this text. */
  cookies(part: string): Cookie[] {
    return this.#cookies.filter(({ name }) => name.includes(part))
  }

  async #follow(address: URL, ask: Ask): Promise<Shown> {
    let shown = await this.#ask(address, ask)
    for (let hops = 0; ask.follow !== false && shown.status >= 300 && shown.status < 400 && hops < 10; hops++) {
      shown = await this.#ask(new URL(shown.headers.get('location')!, shown.url), {})
    }
    return shown
  }

  async #ask(url: URL, { site, origin, body }: Ask): Promise<Shown> {
    const headers: Record<string, string> = { accept: 'text/html' }
    const sent = this.#cookies.filter(({ host, path }) => host === url.host && covers(path, url.pathname))
    if (sent.length > 0) headers['cookie'] = sent.map(({ name, value }) => `${name}=${value}`).join('; ')
    if (site) headers['sec-fetch-site'] = site
    if (origin) headers['origin'] = origin
    const answer = await fetch(url, {
      method: body ? 'POST' : 'GET',
      headers,
      redirect: 'manual',
      ...(body && { body }),
    })
    for (const line of answer.headers.getSetCookie()) this.#keep(url, line)
    return { status: answer.status, url, headers: answer.headers, text: await answer.text() }
  }

  #keep({ host, pathname }: URL, line: string): void {
    this.cookiesSet.push(line)
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    const path = /;\s*path=([^;]+)/i.exec(line)?.[1] ?? pathname.slice(0, Math.max(1, pathname.lastIndexOf('/')))
    this.plant({ name, value, host, path })
    const ended = /;\s*max-age=0(?:;|$)/i.test(line) || /;\s*expires=Thu, 01 Jan 1970/i.test(line)
    if (ended) this.#cookies.pop()
  }
}

function covers(path: string, pathname: string): boolean {
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`)
}

/** The consent form of a page as a browser would send it, changed by `change`. */
export function consentForm(
  shown: Shown,
  change: (fields: URLSearchParams) => void = () => undefined,
): URLSearchParams {
  const fields = new URLSearchParams()
  for (const [tag] of shown.text.matchAll(/<input\b[^>]*>/g)) {
    if (tag.includes('type="checkbox"') && !/\schecked\b/.test(tag)) continue
    fields.append(/name="([^"]*)"/.exec(tag)![1]!, /value="([^"]*)"/.exec(tag)?.[1] ?? '')
  }
  fields.set('duration', /<option value="(\d+)"\s+selected/.exec(shown.text)?.[1] ?? '')
  fields.set('answer', 'accept')
  change(fields)
  return fields
}

/** The names of the tools that a consent page offers, and of those that it has ticked. */
export function offeredOn(shown: Shown): { offered: string[]; ticked: string[] } {
  const boxes = [...shown.text.matchAll(/<input\b[^>]*type="checkbox"[^>]*>/g)].map(([tag]) => tag)
  const nameOf = (tag: string) => /value="([^"]*)"/.exec(tag)![1]!
  return { offered: boxes.map(nameOf), ticked: boxes.filter((tag) => /\schecked\b/.test(tag)).map(nameOf) }
}
