import type { IncomingMessage } from 'node:http'
import { parse, serialize } from 'hono/utils/cookie'

/** Names and attributes of our cookies; `__Host-` binds them to this very host, which browsers grant to https only. */
export interface Cookies {
  read(req: IncomingMessage, name: CookieName): string | undefined
  /** The `Set-Cookie` value. */
  write(name: CookieName, value: string, maxAgeSeconds: number): string
  clear(name: CookieName): string
}

export type CookieName = 'sallyport' | 'sallyport-browser'

export function openCookies(origin: string): Cookies {
  const secure = origin.startsWith('https:')
  const nameOf = (name: CookieName) => (secure ? `__Host-${name}` : name)
  const write = (name: CookieName, value: string, maxAgeSeconds: number) =>
    serialize(nameOf(name) as string, value, {
      httpOnly: true,
      secure,
      sameSite: 'Lax',
      path: '/',
      maxAge: maxAgeSeconds,
    })
  return {
    read: (req, name) => parse(req.headers.cookie ?? '', nameOf(name))[nameOf(name)],
    write,
    clear: (name) => write(name, '', 0),
  }
}
