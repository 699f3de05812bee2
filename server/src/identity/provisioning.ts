import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'
import type { Config } from '../base/config.ts'
import { Fault } from '../base/fault.ts'
import { digestOf } from '../base/ids.ts'
import { readJson } from '../base/json.ts'
import { clientAddressOf, type Door, readBody } from '../base/listen.ts'
import { type RateLimit, takePoint } from '../store/rates.ts'
import type { Store } from '../store/store.ts'
import type { ProvisionerDesk } from './provisioner-keys.ts'
import { serveBulk } from './scim/bulk.ts'
import { bodyMax } from './scim/config.ts'
import { errorOf, faultOf } from './scim/error.ts'
import type { ScimParts } from './scim/parts.ts'
import type { Provisioner } from './scim/provisioner.ts'
import { refuseBy } from './scim/refuse.ts'
import { type Answer, serve } from './scim/serve.ts'

/** Requests of one provider, questions that look through everything, and requests without a key from one address. */
const limits = {
  requests: { name: 'scim.requests', points: 6_000, seconds: 60 },
  scans: { name: 'scim.scans', points: 60, seconds: 60 },
  strangers: { name: 'scim.strangers', points: 60, seconds: 15 * 60 },
} as const satisfies Record<string, RateLimit>

/** The identity providers that may provision, as the configuration names them. */
export function readProvisioners({ login }: Pick<Config, 'login'>): Provisioner[] {
  return login.oidc.flatMap(({ id, issuer, provisioning }) =>
    provisioning === undefined ? [] : [{ id, issuer, ...provisioning }],
  )
}

/**
 * Opens the door by which identity providers keep their people and groups here: SCIM 2.0 below `/scim/v2`.
 *
 * Promise: a key reaches what its own provider has provisioned, and nothing else; of everything else not even whether it
 * is there is told. What a provider says gives nobody a right, except through groups to which an administrator gave one.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7644
 */
export function openProvisioningDoor(parts: ScimParts & { desk: ProvisionerDesk }): Door {
  return {
    name: 'provisioning',
    match: (path) => /^\/scim(?:\/|$)/.test(path),
    async handle(req, res) {
      try {
        const provisioner = await admit(parts, req)
        send(res, await answer(parts, provisioner, req))
      } catch (error) {
        const fault = faultOf(error)
        if (fault.status >= 500) parts.log.error({ error }, 'a request of a provider failed')
        sendFault(req, res, fault)
      }
    },
  }
}

async function admit(parts: ScimParts & { desk: ProvisionerDesk }, req: IncomingMessage): Promise<Provisioner> {
  const provisioner = await parts.desk.whoseKey(req.headers.authorization)
  if (provisioner !== undefined) {
    await take(parts, limits.requests, provisioner.id)
    return provisioner
  }
  const address = clientAddressOf(req)
  await take(parts, limits.strangers, address)
  parts.log.warn({ address }, 'somebody without a valid key asked to provision')
  throw new Fault('identity.scim_key_invalid', 'this takes the key of an identity provider as bearer token')
}

async function take({ store, clock }: { store: Store; clock: Clock }, limit: RateLimit, of: string): Promise<void> {
  const waitMs = await takePoint(store, limit, { key: digestOf(of), now: clock.now() })
  if (waitMs === undefined) return
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000))
  throw new Fault('identity.too_many', `too many requests: try again in ${seconds} s`, { data: { seconds } })
}

async function answer(parts: ScimParts, provisioner: Provisioner, req: IncomingMessage): Promise<Answer> {
  const url = new URL(req.url ?? '/', parts.origin)
  const path = url.pathname.replace(/\/$/, '')
  if (!path.startsWith('/scim/v2/')) throw refuseBy(404, 'there is nothing at this address: it begins with /scim/v2')
  const below = path.slice('/scim/v2'.length)
  const method = req.method ?? ''
  const body = ['POST', 'PUT', 'PATCH'].includes(method) ? await readScim(req) : undefined
  if (below === '/Bulk') {
    if (method !== 'POST') throw refuseBy(405, 'this takes POST only')
    const each = () => take(parts, limits.requests, provisioner.id)
    return { status: 200, body: await serveBulk(parts, provisioner, { body, each }) }
  }
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = req.headers
  return serve(parts, provisioner, {
    method,
    path: decoded(below),
    query: url.searchParams,
    body,
    ifMatch,
    ifNoneMatch,
    scanning: () => take(parts, limits.scans, provisioner.id),
  })
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw refuseBy(404, 'there is nothing at this address')
  }
}

async function readScim(req: IncomingMessage): Promise<unknown> {
  if (!/^application\/(?:scim\+)?json\s*(?:;|$)/i.test(req.headers['content-type'] ?? '')) {
    throw refuseBy(415, 'cannot read this: send `application/scim+json`')
  }
  return readJson(await readBody(req, bodyMax), { bytesMax: bodyMax, depthMax: 16 })
}

const headers = { 'content-type': 'application/scim+json', 'cache-control': 'no-store' }

function send(res: ServerResponse, { status, body, etag, location }: Answer): void {
  const told = { ...(etag && { etag }), ...(location && { location }) }
  if (body === undefined) {
    res.writeHead(status, { ...told, 'cache-control': 'no-store' })
    res.end()
    return
  }
  res.writeHead(status, { ...headers, ...told })
  res.end(JSON.stringify(body))
}

function sendFault(req: IncomingMessage, res: ServerResponse, fault: Fault): void {
  if (res.headersSent) {
    res.destroy()
    return
  }
  // What is left of the request is not read: the connection cannot be used again.
  if (!req.complete) res.setHeader('connection', 'close')
  if (fault.status === 401) res.setHeader('www-authenticate', 'Bearer')
  if (typeof fault.data?.['seconds'] === 'number') res.setHeader('retry-after', fault.data['seconds'])
  res.writeHead(fault.status, headers)
  res.end(JSON.stringify(errorOf(fault)))
}
