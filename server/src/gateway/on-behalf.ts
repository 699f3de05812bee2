import type { Clock } from '../base/clock.ts'
import type { Config, OnBehalf } from '../base/config.ts'
import { Fault } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import type { Principal } from '../model/principal.ts'
import type { Grant } from '../model/rights.ts'
import type { Upstream } from '../model/upstream.ts'
import type { Feed } from '../store/feed.ts'
import { HeldGrants, type OnBehalfCaller } from './held-grants.ts'
import { notConnected, OwnConnections, type AskedCredential } from './own-connection.ts'
import type { Holder } from './upstream/caller-key.ts'
import { TokenCache, type CachedToken } from './upstream/on-behalf/token-cache.ts'
import { errorCodeOf } from './upstream/on-behalf/token-server.ts'
import type { WayParts } from './upstream/on-behalf/way.ts'
import { openWay } from './upstream/on-behalf/ways.ts'
import type { Refusal, SentCredential, UpstreamNeeds } from './upstream/upstream-kind.ts'

/** What calling upstreams in the name of people stands on. */
export interface OnBehalfRooms extends Pick<WayParts, 'assertions' | 'exchangeLogin' | 'issuerOf'> {
  clock: Clock
  log: Log
  feed: Pick<Feed, 'subscribe'>
  origin: string
  /** By the name of the upstream. */
  onBehalf: Config['onBehalf']
  fetchFor(upstream: string): WayParts['fetch']
  /** The connection of one person, where people have their own. */
  holdConnection(upstream: string, principalId: string): AskedCredential
  findGrant(id: string): Promise<Grant | undefined>
  findPrincipal(id: string): Promise<Principal | undefined>
}

/** The credential of one caller. What was begun with it ends when `gone` is aborted. */
export type CallerCredential = AskedCredential & Pick<UpstreamNeeds, 'parting'> & { gone?: AbortSignal }

/** The tokens with which upstreams are called in the name of the person who calls, one for each caller. */
export interface OnBehalfTokens {
  /** Whether calls of this upstream go out in the name of the caller. */
  serves(upstream: string): boolean
  /**
   * Sees to it that there is a token for this caller.
   *
   * @returns nothing when there is; otherwise why not, as the caller is to be told it. Nothing was sent to the upstream.
   */
  whyNot(upstream: Upstream, caller: OnBehalfCaller): Promise<Fault | undefined>
  /** The credential of the caller with this grant and actor; no other caller ever gets it. */
  hold(upstream: Upstream, holder: Holder): CallerCredential
  close(): void
}

/** What is refused this soon after it came is refused for another reason than its age. */
const restMs = 5_000

/**
 * Opens them.
 *
 * Promise: a token is asked for by one caller, that is for one grant of one person to one client and whoever acts by it, sent to one upstream, and
 * forgotten with the grant, the person, the client and the upstream. It is not sent when less is left of it than half a
 * minute (or half of its life, where that is shorter).
 */
export function openOnBehalf(rooms: OnBehalfRooms): OnBehalfTokens {
  const { clock, log, feed } = rooms
  const cache = new TokenCache(clock)
  const own = new OwnConnections(rooms.origin, (...of) => rooms.holdConnection(...of))
  const ways = new Map(
    [...rooms.onBehalf].map(([name, entry]) => [name, openWay(entry, { ...rooms, fetch: rooms.fetchFor(name) })]),
  )

  // Whoever it is: a person who was disabled has no name to call in.
  async function requireActive(upstream: string, id: string): Promise<Principal> {
    const principal = await rooms.findPrincipal(id)
    if (principal?.state === 'active') return principal
    throw refused(upstream, 'the person is not active')
  }

  async function obtain(upstream: string, caller: OnBehalfCaller): Promise<CachedToken> {
    const place = { ...caller, upstream }
    return cache.get(place, async () => {
      const principal = await requireActive(upstream, caller.principalId)
      try {
        return await ways.get(upstream)!.obtain({ principal, clientId: caller.clientId, act: caller.act })
      } catch (error) {
        const fault = told(rooms, upstream, error)
        log.warn({ upstream, principal: principal.id, error, detail: fault.detail }, 'no token in the name of a person')
        throw fault
      }
    })
  }

  async function callerOf(upstream: string, grantId: string): Promise<OnBehalfCaller> {
    const grant = await rooms.findGrant(grantId)
    if (grant === undefined || grant.revokedAt !== undefined || grant.endsAt <= clock.now()) {
      throw refused(upstream, 'the grant has ended')
    }
    return { grantId, principalId: grant.principalId, clientId: grant.clientId }
  }

  const grants = new HeldGrants(callerOf)

  function holdToken(upstream: string, holder: Holder): CallerCredential {
    const { caller, gone } = grants.hold(upstream, holder)
    const sentOf = ({ token }: CachedToken): SentCredential => ({
      placement: 'headers',
      values: { authorization: `Bearer ${token}` },
    })
    return {
      async credential() {
        const token = await obtain(upstream, await caller())
        if (gone.aborted) throw refused(upstream, 'the grant has ended meanwhile')
        return sentOf(token)
      },
      async onRefused({ status, sent }: Refusal): Promise<boolean> {
        const token = sent?.values['authorization']?.slice('Bearer '.length)
        if (status !== 401 || token === undefined) return false
        return cache.drop({ ...(await caller()), upstream }, { token, olderThanMs: restMs })
      },
      // Nobody is vouched for only to say farewell.
      async parting() {
        const token = cache.find({ ...(await caller()), upstream })
        return token && sentOf(token)
      },
      gone,
    }
  }

  // Whose grant it is, is known when it is first used: connections are opened without waiting.
  function holdOwn(upstream: string, holder: Holder): CallerCredential {
    const { caller, gone } = grants.hold(upstream, holder)
    const lost = new AbortController()
    let held: ReturnType<OwnConnections['hold']> | undefined
    const get = async () => {
      const { principalId } = await caller()
      if (held === undefined) {
        await requireActive(upstream, principalId)
        held = own.hold(upstream, principalId)
        held.gone.addEventListener('abort', () => lost.abort(), { once: true })
      }
      return held
    }
    return {
      credential: async (request) => (await get()).credential(request),
      onRefused: async (refusal) => (await get()).onRefused(refusal),
      onNonce: async (nonce, url) => (await get()).onNonce?.(nonce, url),
      gone: AbortSignal.any([gone, lost.signal]),
    }
  }

  return {
    serves: (upstream) => ways.has(upstream),
    async whyNot(upstream, caller) {
      const { name } = upstream
      try {
        requirePlace(upstream, rooms.onBehalf.get(name)!)
        if (ways.get(name) === undefined) await own.hold(name, caller.principalId).credential()
        else await obtain(name, caller)
        return undefined
      } catch (error) {
        if (error instanceof Fault) return error
        throw error
      }
    },
    hold(upstream, holder) {
      const { name } = upstream
      requirePlace(upstream, rooms.onBehalf.get(name)!)
      return ways.get(name) === undefined ? holdOwn(name, holder) : holdToken(name, holder)
    },
    close: feed.subscribe((about) => {
      cache.forget(about)
      own.forget(about)
      void grants.hear(about)
    }),
  }
}

/** The token goes to the address that the configuration says, and the upstream that somebody proposed may be another. */
function requirePlace({ name, launch }: Upstream, entry: OnBehalf): void {
  const { url } = entry
  // Absent only of a document of the configuration, which says it.
  const at = 'url' in launch ? launch.url : 'server' in launch ? launch.server : undefined
  if (launch.kind !== 'stdio' && at === url) return
  throw new Fault(
    'gateway.launch_unknown',
    `cannot call \`${name}\` in anybody's name: it is not at the address that \`onBehalf.${name}.url\` says`,
  )
}

/** Every failure in words of ours: what the other side said stays in the log. */
function told({ origin }: OnBehalfRooms, upstream: string, error: unknown): Fault {
  if (error instanceof Fault && error.code === 'gateway.exchange_failed') return error
  if (error instanceof Fault && error.code === 'identity.login_needed') {
    const what = error.message.replace(/^[^:]*: /, '')
    return notConnected(origin, upstream, { what, detail: error.detail ?? '', cause: error })
  }
  const code = errorCodeOf(error)
  const message = `cannot call \`${upstream}\` in your name: its authorization server gave no token${code ? `: ${code}` : ''}`
  return new Fault('gateway.exchange_failed', message, { detail: String(error), cause: error })
}

function refused(upstream: string, detail: string): Fault {
  return new Fault('gateway.exchange_failed', `cannot call \`${upstream}\` in your name`, { detail, status: 403 })
}
