/** What a page said. */
export interface Shown {
  status: number
  url: URL
  headers: Headers
  text: string
}

/**
 * A browser without scripts, as far as these tests need one: cookies by host and port, redirects, forms, and the headers
 * by which a browser says who sends a request.
 */
export class Browser {
  readonly #jars = new Map<string, Map<string, string>>()
  /** Every address that was asked, in order. */
  readonly visited: string[] = []
  /** Every `Set-Cookie` that came, in order. */
  readonly cookiesSet: string[] = []

  /** Opens an address as if typed in, and follows redirects. */
  open(address: string | URL): Promise<Shown> {
    return this.#follow(new URL(address), { site: 'none' })
  }

  /** Opens an address as a link of the page that is shown, and follows redirects. */
  follow(shown: Shown, link: string): Promise<Shown> {
    return this.#follow(new URL(link, shown.url), { site: siteOf(shown.url, new URL(link, shown.url)) })
  }

  /** Opens an address as if typed in, and does not follow the redirect. */
  async peek(address: string | URL): Promise<Shown> {
    return this.#ask(new URL(address), { site: 'none' })
  }

  /** Fills in the form of a page whose action ends in `action`, and sends it. */
  submit(shown: Shown, action: string, fields: Record<string, string>): Promise<Shown> {
    const form = [...shown.text.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)].find(
      ([, head]) => attribute(head!, 'action') === action,
    )
    if (!form) throw new Error(`no form for ${action} on ${shown.url.href}:\n${shown.text}`)
    const body = new URLSearchParams()
    for (const [, head] of form[2]!.matchAll(/<input\b([^>]*)>/g)) {
      const name = attribute(head!, 'name')
      if (name) body.set(name, attribute(head!, 'value') ?? '')
    }
    for (const [name, value] of Object.entries(fields)) body.set(name, value)
    return this.post(new URL(action, shown.url), body, { site: 'same-origin', origin: 'null' })
  }

  /** Sends a form from wherever `from` says. */
  post(address: URL, body: URLSearchParams, from: { site?: string; origin?: string }): Promise<Shown> {
    return this.#follow(address, { ...from, body })
  }

  /** The cookies for an address, as a header. */
  cookieFor(url: URL): string {
    return [...(this.#jars.get(url.host) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  /** Puts a cookie in, as an attacker who can would. */
  plant(url: URL, name: string, value: string): void {
    if (!this.#jars.has(url.host)) this.#jars.set(url.host, new Map())
    this.#jars.get(url.host)!.set(name, value)
  }

  async #follow(address: URL, how: Ask): Promise<Shown> {
    let shown = await this.#ask(address, how)
    let site = how.site
    for (let hops = 0; shown.status >= 300 && shown.status < 400 && hops < 10; hops += 1) {
      const next = new URL(shown.headers.get('location')!, shown.url)
      if (site !== 'none' && siteOf(shown.url, next) !== 'same-origin') site = 'cross-site'
      shown = await this.#ask(next, site === undefined ? {} : { site })
    }
    return shown
  }

  async #ask(url: URL, { site, origin, body }: Ask): Promise<Shown> {
    this.visited.push(url.href)
    const headers: Record<string, string> = { accept: 'text/html' }
    const cookie = this.cookieFor(url)
    if (cookie) headers['cookie'] = cookie
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

  #keep(url: URL, line: string): void {
    this.cookiesSet.push(line)
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
    if (/max-age=0/i.test(line)) this.#jars.get(url.host)?.delete(name!)
    else this.plant(url, name!, value!)
  }
}

interface Ask {
  site?: string
  origin?: string
  body?: URLSearchParams
}

function siteOf(from: URL, to: URL): string {
  return from.origin === to.origin ? 'same-origin' : 'cross-site'
}

function attribute(head: string, name: string): string | undefined {
  const found = new RegExp(`\\b${name}="([^"]*)"`).exec(head)?.[1]
  return found?.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&amp;', '&')
}
