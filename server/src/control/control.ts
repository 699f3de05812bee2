import { getRequestListener } from '@hono/node-server'
import { OpenAPIHono } from '@hono/zod-openapi'
import { Fault } from '../base/fault.ts'
import type { Door } from '../base/listen.ts'
import { pingStore } from '../store/store.ts'
import { addApi } from './api.ts'
import { addPages, answerFault } from './browse.ts'
import { addForms } from './forms.ts'
import type { ControlRooms } from './rooms.ts'
import { listRoutes } from './routes.ts'
import { type Env, routerPath } from './serving.ts'

/** The operators' door. */
export interface Control {
  /** Pages, forms, the API, and the probes `/health` and `/ready`. */
  readonly door: Door
}

const ours =
  /^\/(?:$|(?:api|approvals|bundles|calls|clients|connect|connections|grants|groups|health|keys|ledger|machines|people|providers|provisioning|ready|signals|upstreams|you)(?:\/|$))/

/**
 * Opens the operators' door: one set of actions with two faces, pages for people and an API for programs.
 *
 * Promise: every address is in `listRoutes()` with its guard, and each request passes that guard before anything is read
 * or done. Forms are accepted from our own pages only, the API by operator key only.
 */
export function openControl(rooms: ControlRooms): Control {
  const app = new OpenAPIHono<Env>()
  app.get('/health', (c) => c.text('ok\n', 200, { 'cache-control': 'no-store' }))
  app.get('/ready', async (c) => {
    const ready = await isReady(rooms)
    return c.text(ready ? 'ready\n' : 'not ready\n', ready ? 200 : 503, { 'cache-control': 'no-store' })
  })
  addApi(app, rooms)
  addForms(app, rooms)
  addPages(app, rooms)
  requireListed(app)
  app.notFound(() => {
    throw new Fault('control.not_found', 'there is nothing at this address')
  })
  app.onError((error, c) => answerFault(rooms, c, error))
  const listen = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  return {
    door: {
      name: 'control',
      match: (path) => ours.test(path),
      handle: (req, res) => listen(req, res),
    },
  }
}

// What is served without being listed has no guard that anybody reviewed: then there is no door.
function requireListed(app: OpenAPIHono<Env>): void {
  const name = ({ method, path }: { method: string; path: string }) => `${method} ${path}`
  const served = new Set(app.routes.map(name))
  const listed = new Set(listRoutes().map(({ method, path }) => name({ method, path: routerPath(path) })))
  const odd = [...served, ...listed].filter((one) => !served.has(one) || !listed.has(one))
  if (odd.length > 0) throw new TypeError(`served and listed routes differ: ${odd.join(', ')}`)
}

async function isReady({ store, feed }: ControlRooms): Promise<boolean> {
  if (!feed.isFresh()) return false
  return pingStore(store).then(
    () => true,
    () => false,
  )
}
