import type { HttpBindings } from '@hono/node-server'

/** What runs in a request of this door. */
export interface Env {
  Bindings: HttpBindings
}

/** The prefix of the API. */
export const apiPrefix = '/api/v1'

/** A path with its changing parts as the router writes them. */
export function routerPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}
