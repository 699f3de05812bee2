import type { JWK } from 'jose'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Feed } from '../store/feed.ts'
import { keyPublishMs } from '../vault/keyring.ts'
import { keysVoid } from '../store/revisions.ts'
import { accessTokenSeconds } from './access-token.ts'
import type { Recorder, Secrets } from './ports.ts'

// What was signed last by the old key ends so long after the new one signs; a minute for clocks that differ.
const overlapMs = keyPublishMs + accessTokenSeconds * 1_000 + 60_000
const dayMs = 86_400_000

class NotDue extends Error {}

/** A rotation that was made. */
export interface Rotation {
  /** `kid` of the new key. */
  keyId: string
  /** From when on it signs, and when the keys before it end: epoch milliseconds. */
  signsAt: number
  othersEndAt: number
}

/** The keys of access tokens: which sign, which still verify, and when they change. All replicas have the same. */
export interface TokenKeys {
  /** Private keys, the one that signs first. */
  readonly keys: readonly JWK[]
  /**
   * Makes a new key.
   *
   * Planned, it is published for ten minutes before it signs, and the old ones verify until the last token that they
   * signed has ended: nobody notices. In an emergency the new key signs at once and the others verify nothing more: when
   * this resolves, this process refuses every access token that was issued before; other replicas do so when they hear of
   * it, within their lease at the latest. Grants stand: clients renew with their refresh tokens.
   *
   * @param by Id of the principal, or `system`.
   * @throws {Fault} `ledger.unavailable`
   */
  rotate(order: { by: string; reason: string; emergency: boolean }): Promise<Rotation>
  /**
   * Sees to it that the key that should sign at this moment does, and replaces one that is too old. Asked before each
   * request that could sign or publish, it reads the store only when something is due.
   */
  settle(): Promise<void>
  /**
   * Sees to it that the keys are those of the newest news: asked before each token that is verified. What cannot be read
   * then is thrown, and nothing is verified by keys that may have been withdrawn.
   */
  refresh(): Promise<void> | undefined
  close(): void
}

interface KeyParts {
  secrets: Pick<Secrets, 'tokenKeys' | 'addTokenKey'>
  recorder: Recorder
  feed: Pick<Feed, 'subscribe'>
  clock: Clock
  log: Log
  /** A key older than this many days is replaced. */
  rotateAfterDays: number
}

/**
 * Opens the keys.
 *
 * @throws {Fault} `vault.cannot_open`
 * @see docs/operate/keys.md
 */
export async function openTokenKeys(
  parts: KeyParts,
  onChange: (keys: readonly JWK[]) => Promise<void>,
): Promise<TokenKeys> {
  const { secrets, recorder, clock, log } = parts
  let current = await secrets.tokenKeys()
  let looking: Promise<void> | undefined
  let refreshing: Promise<void> | undefined
  let news = 0

  async function read(before: Promise<void> | undefined): Promise<void> {
    await before?.catch(() => undefined)
    const heard = news
    const found = await secrets.tokenKeys()
    const moved = idsOf(found.keys) !== idsOf(current.keys)
    // What came meanwhile is not in it: whoever comes next looks again.
    current = heard === news ? found : { ...found, changesAt: -Infinity }
    if (moved) await onChange(found.keys)
  }

  // One after the other, so that an older reading never comes last.
  function look(): Promise<void> {
    looking = read(looking)
    return looking
  }

  async function add(order: { by: string; reason: string; emergency: boolean }, unlessNewerThan?: number) {
    const now = clock.now()
    const [signsAt, othersEndAt] = order.emergency ? [now, now] : [now + keyPublishMs, now + overlapMs]
    const details = { emergency: order.emergency, signsAt, othersEndAt }
    const change = {
      by: order.by,
      what: 'token_key.rotated',
      about: { kind: 'key', ...(order.emergency && { id: keysVoid }) },
      reason: order.reason,
      details,
    } as const
    const keyId = await recorder.recordChange(change, async (tx) => {
      const added = await secrets.addTokenKey(tx, { retireOthersAt: othersEndAt, unlessNewerThan })
      if (added === undefined) throw new NotDue()
      return added
    })
    await look()
    return { keyId, signsAt, othersEndAt }
  }

  async function renew(tooOld: number): Promise<void> {
    const reason = `the newest key is older than ${parts.rotateAfterDays} days`
    await add({ by: 'system', reason, emergency: false }, tooOld).catch((error: unknown) => {
      if (!(error instanceof NotDue)) throw error
      return look()
    })
  }

  const unsubscribe = parts.feed.subscribe((about) => {
    if (about.kind !== 'key') return
    // What is known is old: until it is read anew, every request that needs a key waits, or fails if that cannot be done.
    news++
    current = { ...current, changesAt: -Infinity }
    look().catch((error: unknown) => log.error({ error }, 'cannot read the keys of access tokens'))
  })

  return {
    get keys() {
      return current.keys
    },
    rotate: (order) => add(order),
    async settle() {
      const now = clock.now()
      if (now >= current.changesAt) await look()
      const tooOld = now - parts.rotateAfterDays * dayMs
      if (current.newestAt <= tooOld) await renew(tooOld)
    },
    refresh() {
      if (clock.now() < current.changesAt) return undefined
      refreshing ??= look().finally(() => (refreshing = undefined))
      return refreshing
    },
    close: unsubscribe,
  }
}

function idsOf(keys: readonly JWK[]): string {
  return keys.map(({ kid }) => kid).join(' ')
}
