import type { KoaContextWithOIDC } from 'oidc-provider'
import { interactionSeconds } from './settings.ts'

type CookieContext = Pick<KoaContextWithOIDC, 'cookies'>

/** Ties an authorization request to the browser that began it. */
export interface BrowserBinding {
  bind(ctx: CookieContext, uid: string): void
  holds(ctx: CookieContext, uid: string): boolean
  release(ctx: CookieContext, uid: string): void
}

/**
 * One signed cookie for each request. Its name holds the request, and the signature covers the name. With `__Host-` no
 * neighbouring subdomain can plant one, which it could with the engine's own cookies: they need a path.
 */
export function browserBinding(origin: string): BrowserBinding {
  const secure = origin.startsWith('https:')
  const options = { httpOnly: true, sameSite: 'lax', signed: true, overwrite: true, path: '/', secure } as const
  const nameOf = (uid: string) => `${secure ? '__Host-' : ''}sallyport-consent-${uid}`
  return {
    bind(ctx, uid) {
      ctx.cookies.set(nameOf(uid), 'bound', { ...options, maxAge: interactionSeconds * 1_000 })
    },
    holds: (ctx, uid) => /^[\w-]{10,64}$/.test(uid) && ctx.cookies.get(nameOf(uid), { signed: true }) === 'bound',
    release(ctx, uid) {
      ctx.cookies.set(nameOf(uid), null, options)
    },
  }
}
