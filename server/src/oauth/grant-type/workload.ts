import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import type { WorkloadIssuer } from '../../base/config.ts'
import type { FetchDocument } from '../../base/document.ts'
import { digestOf } from '../../base/ids.ts'
import { issuerKeys } from '../../base/issuer-keys.ts'
import { isObject } from '../../base/json.ts'
import { spend } from '../../store/spent.ts'
import type { Store } from '../../store/store.ts'
import { isName } from '../actor.ts'
import { workloadsClientId } from '../client/workloads.ts'
import { type Asked, type Given, NotTaken } from '../grant-type.ts'
import { machineGrant, type MachineParts } from './machine.ts'
import { clockToleranceSeconds, peek, verifyToken } from './verify.ts'

/** What the exchange of workload tokens stands on. */
export interface WorkloadParts extends Omit<MachineParts, 'clients'> {
  issuers: readonly WorkloadIssuer[]
  store: Store
  fetch: FetchDocument
}

/**
 * Opens the exchange of workload tokens: of Kubernetes service accounts, SPIFFE JWT-SVIDs, identity tokens of clouds. A
 * workload is the machine that exactly one rule of its issuer says it is, and gets tokens under the grant that an
 * administrator gave that machine. Who acts is the workload, by its own name.
 *
 * Promise: nothing is issued but for a token that a configured issuer signed, for the configured audience alone, of usual
 * type, good now and not for too long, and, if it has a number and is not `reusable`, never presented before, at any
 * replica.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7523#section-2.1
 * @see https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md
 */
export function openWorkloads(parts: WorkloadParts): (asked: Asked) => Promise<Given> {
  const { store, clock } = parts
  const trusted = new Map(parts.issuers.map((one) => [one.issuer, { ...one, keys: keysOf(one, parts) }]))

  return async ({ clientId, prove, params: { assertion, resource, scope } }) => {
    if (clientId !== workloadsClientId) throw new NotTaken('a workload comes without a client of its own')
    const issuer = trusted.get(issuerOf(peek(assertion).claims) ?? '')
    if (issuer === undefined) throw new NotTaken('the issuer is not one of ours')
    const claims = await verifyToken(assertion!, {
      keys: issuer.keys,
      // A trust domain is in the subject; what `issuerOf` found there is checked below.
      issuer: issuer.issuer.startsWith('spiffe:') ? undefined : issuer.issuer,
      audience: issuer.audience ?? parts.origin,
      types: ['', 'jwt', 'jose'],
      required: [],
      lifetimeSecondsMax: issuer.lifetimeSecondsMax,
      clock,
    })
    const machine = machineFor(issuer, claims)
    if (!isName(claims.sub)) throw new NotTaken('its subject cannot be an actor')
    const said = { claims, requested: scope }
    const given = await machineGrant(parts, { machine, clientId, resource, said })
    const { jti } = claims
    if (jti !== undefined && !issuer.reusable) {
      if (typeof jti !== 'string' || jti.length > 512) throw new NotTaken('its `jti` is no text')
      const id = digestOf(JSON.stringify([issuer.issuer, jti]))
      const until = (claims.exp + clockToleranceSeconds) * 1_000
      await prove(given.resource)
      if (!(await spend(store, { purpose: 'workload', id, until, now: clock.now() })))
        throw new NotTaken('it was presented before')
    }
    return { ...given, act: { sub: claims.sub, iss: issuer.issuer }, endsAt: claims.exp * 1_000 }
  }
}

/** The issuer that must have signed it: a trust domain need not name itself, its subjects do. */
function issuerOf({ iss, sub }: JWTPayload): string | undefined {
  if (iss !== undefined) return iss
  return typeof sub === 'string' ? /^(spiffe:\/\/[^/]+)\//.exec(sub)?.[1] : undefined
}

function keysOf(of: WorkloadIssuer, parts: Pick<WorkloadParts, 'fetch' | 'clock'>): JWTVerifyGetKey {
  const read = of.issuer.startsWith('spiffe:') ? signingKeys : (keys: JSONWebKeySet) => keys
  if (of.jwks !== undefined) return createLocalJWKSet(read(of.jwks as JSONWebKeySet))
  const place = of.jwksUri === undefined ? { discover: of.issuer } : { jwksUri: of.jwksUri }
  return issuerKeys({ ...place, ...parts, read })
}

/** Of a bundle of a trust domain the keys that sign tokens; the others are of certificates. */
function signingKeys({ keys }: JSONWebKeySet): JSONWebKeySet {
  return {
    keys: keys.flatMap(({ use, ...key }) => (use === 'jwt-svid' || use === 'sig' ? [{ ...key, use: 'sig' }] : [])),
  }
}

/** Which machine a workload is. Throws `NotTaken` if the rules say none, or more than one. */
export function machineFor({ issuer, rules }: WorkloadIssuer, claims: JWTPayload): string {
  if (issuer.startsWith('spiffe:') && !claims.sub?.startsWith(`${issuer}/`))
    throw new NotTaken('the subject is of another trust domain')
  const machines = new Set(
    rules
      .filter((rule) => Object.entries(rule.claims).every(([name, pattern]) => matches(pattern, claimAt(claims, name))))
      .map(({ machine }) => machine),
  )
  const [machine, another] = machines
  if (machine === undefined) throw new NotTaken('no rule says which machine this is')
  if (another !== undefined) throw new NotTaken(`the rules say that this is \`${machine}\` and \`${another}\``)
  return machine
}

/** A claim by its name, or by a JSON pointer if the name begins with a slash, as a text. */
function claimAt(claims: JWTPayload, name: string): string | undefined {
  const path = name.startsWith('/')
    ? name
        .slice(1)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    : [name]
  let value: unknown = claims
  for (const part of path) value = isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined
}

/**
 * Whether a text is what a pattern says. Both are cut at `/` and `:`, and must have the same parts; in a part of the
 * pattern one `*` stands for one character or more. So no `*` reaches beyond its part.
 */
export function matches(pattern: string, text: string | undefined): boolean {
  if (text === undefined || text.length > 2_048) return false
  const [wanted, found] = [cut(pattern), cut(text)]
  return (
    wanted.length === found.length &&
    wanted.every((part, at) => {
      const is = found[at]!
      const [before, after, more] = part.split('*')
      if (after === undefined || more !== undefined) return part === is
      return is.length > before!.length + after.length && is.startsWith(before!) && is.endsWith(after)
    })
  )
}

// The separators are parts too: `a:b` is not `a/b`.
function cut(text: string): string[] {
  return text.split(/([/:])/)
}
