import assert from 'node:assert/strict'

/** A page as a browser without scripts sees it. */
export interface Page {
  url: URL
  status: number
  headers: Headers
  text: string
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
  method: string
  fields: Field[]
}

/** A browser without scripts: cookies, redirects, forms. It follows redirects only as far as `stopAt` lets it. */
export class Walker {
  readonly #cookies = new Map<string, string>()
  readonly #origin: string
  /** Requests that it made, newest last: method, path, status. */
  readonly journal: string[] = []

  constructor(origin: string) {
    this.#origin = origin
  }

  setCookie(name: string, value: string): void {
    this.#cookies.set(name, value)
  }

  get cookies(): ReadonlyMap<string, string> {
    return this.#cookies
  }

  /**
   * Opens an address and follows redirects; one that leads to another origin than those it visits ends the walk, and the
   * page has that address and no text.
   */
  async open(url: string | URL, stopAt: (url: URL) => boolean = () => false): Promise<Page> {
    return this.#walk(new URL(url, this.#origin), { method: 'GET' }, stopAt)
  }

  /** Sends a form with these fields set; a field given as an array stands once for each value. */
  async submit(
    page: Page,
    values: Record<string, string | string[]> = {},
    options: { form?: number; button?: string; stopAt?: (url: URL) => boolean } = {},
  ): Promise<Page> {
    const form = formsOf(page)[options.form ?? 0]
    assert.ok(form, `no form on ${page.url.href}: ${page.text.slice(0, 2_000)}`)
    const body = new URLSearchParams()
    for (const field of form.fields) {
      if (field.name in values) continue
      const choice = field.type === 'checkbox' || field.type === 'radio'
      if (field.type === 'submit' ? field.value === options.button : !choice || field.checked) {
        body.append(field.name, field.value)
      }
    }
    for (const [name, value] of Object.entries(values)) for (const one of [value].flat()) body.append(name, one)
    const request = {
      method: 'POST',
      body,
      headers: { origin: page.url.origin, 'sec-fetch-site': 'same-origin', referer: page.url.href },
    }
    return this.#walk(form.action, request, options.stopAt ?? (() => false))
  }

  async #walk(url: URL, init: RequestInit, stopAt: (url: URL) => boolean): Promise<Page> {
    let at = url
    let request = init
    for (let hops = 0; hops < 20; hops++) {
      if (at.hostname !== '127.0.0.1' || stopAt(at)) return { url: at, status: 0, headers: new Headers(), text: '' }
      const headers = new Headers(request.headers)
      if (this.#cookies.size > 0) headers.set('cookie', [...this.#cookies].map(([k, v]) => `${k}=${v}`).join('; '))
      headers.set('accept', 'text/html')
      const answer = await fetch(at, { ...request, headers, redirect: 'manual' })
      this.journal.push(`${request.method} ${at.pathname} ${answer.status}`)
      for (const cookie of answer.headers.getSetCookie()) this.#keep(cookie)
      const location = answer.headers.get('location')
      if (answer.status < 300 || answer.status >= 400 || location === null) {
        return { url: at, status: answer.status, headers: answer.headers, text: await answer.text() }
      }
      await answer.body?.cancel()
      at = new URL(location, at)
      request = { method: 'GET' }
    }
    throw new Error(`redirects without end at ${at.href}`)
  }

  #keep(cookie: string): void {
    const [pair, ...attributes] = cookie.split(';').map((part) => part.trim())
    const [name, value] = [pair!.slice(0, pair!.indexOf('=')), pair!.slice(pair!.indexOf('=') + 1)]
    const gone = attributes.some((one) => /^max-age=0$/i.test(one) || /^expires=Thu, 01 Jan 1970/i.test(one))
    if (gone || value === '') this.#cookies.delete(name)
    else this.#cookies.set(name, value)
  }
}

/** The forms of a page, with the values that they would send. */
export function formsOf(page: Page): Form[] {
  return [...page.text.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)].map(([, head, inner]) => ({
    action: new URL(unescapeHtml(attribute(head!, 'action') ?? ''), page.url),
    method: attribute(head!, 'method') ?? 'get',
    fields: fieldsOf(inner!),
  }))
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
