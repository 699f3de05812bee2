import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { makeId } from '../base/ids.ts'
import { isObject, readJson } from '../base/json.ts'
import type { Caller } from '../oauth/access-token.ts'
import { countSpent, isSpent, spend } from '../store/spent.ts'
import type { Store } from '../store/store.ts'
import type { Sealer } from '../vault/sealer.ts'
import type { UpstreamClient } from './upstream/upstream-kind.ts'

/** What a client of the legacy eras said when it shook hands. It proves nothing: who may do what, the token decides. */
export interface Session {
  readonly id: string
  readonly grantId: string
  readonly protocolVersion: string
  readonly client: UpstreamClient
  readonly startedAt: number
}

/** After a week a client shakes hands again: what it declares may have changed with its software. */
const ageMsMax = 7 * 24 * 3_600_000
const keptMax = 10_000
/** How long another replica may go on with a session that was ended here. */
const recheckMs = 30_000
const capabilityBytesMax = 2_048
const purpose = 'session'
/** So many ended sessions of one grant are remembered, so that nobody fills the store with them. */
const endedMax = 1_000

/**
 * The sessions of legacy clients. A session is not remembered, it is carried: its id is what the client declared, sealed
 * for its grant, so any replica can open it and nothing of it has to be swept. Only that one was ended is remembered.
 */
export class Sessions {
  readonly #sealer: Sealer
  readonly #clock: Clock
  readonly #store: Store
  // What was opened lately, so that a request costs no decryption.
  readonly #kept = new Map<string, { session: Session; checkedAt: number }>()

  constructor(rooms: { sealer: Sealer; clock: Clock; store: Store }) {
    this.#sealer = rooms.sealer
    this.#clock = rooms.clock
    this.#store = rooms.store
  }

  /**
   * Begins a session.
   *
   * @param params of `initialize`, unread: of what is too large or no object only the part that matters is kept.
   * @returns the value of `Mcp-Session-Id`: visible ASCII, below 4 KiB.
   */
  begin(caller: Caller, params: Record<string, unknown>, protocolVersion: string): string {
    const session: Session = {
      id: makeId(this.#clock),
      grantId: caller.grantId,
      protocolVersion,
      client: { info: readInfo(params['clientInfo']), capabilities: readCapabilities(params['capabilities']) },
      startedAt: this.#clock.now(),
    }
    const { grantId, ...carried } = session
    return this.#sealer.seal(purpose, grantId, JSON.stringify(carried))
  }

  /**
   * Opens the session that a request names.
   *
   * @returns undefined where it names none: it is served as from a client that can do nothing.
   * @throws {Fault} `gateway.session_unknown` (404) for one that was ended, is too old, was altered or is another
   *   grant's; the client then shakes hands again.
   */
  async find(caller: Caller, header: string | string[] | undefined): Promise<Session | undefined> {
    if (header === undefined) return undefined
    const text = String(header)
    const kept = this.#kept.get(text) ?? { session: this.#open(caller, text), checkedAt: -Infinity }
    const { session } = kept
    const now = this.#clock.now()
    if (session.grantId !== caller.grantId || now - session.startedAt > ageMsMax) throw unknown()
    const monotonic = this.#clock.monotonic()
    if (monotonic - kept.checkedAt > recheckMs) {
      if (await isSpent(this.#store, endedOf(session), session.id)) throw unknown()
      this.#keep(text, { session, checkedAt: monotonic })
    }
    return session
  }

  /**
   * Ends a session: here at once, at other replicas within half a minute.
   *
   * @returns false where its grant has ended so many in a week that one more is not remembered: it lives on.
   */
  async end(header: string | string[] | undefined, session: Session): Promise<boolean> {
    const [purpose, now] = [endedOf(session), this.#clock.now()]
    if ((await countSpent(this.#store, purpose, now)) >= endedMax) return false
    await spend(this.#store, { purpose, id: session.id, until: session.startedAt + ageMsMax, now })
    this.#kept.delete(String(header))
    return true
  }

  #open(caller: Caller, text: string): Session {
    try {
      const carried = readJson(this.#sealer.open(purpose, caller.grantId, text)) as Omit<Session, 'grantId'>
      return { ...carried, grantId: caller.grantId }
    } catch {
      throw unknown()
    }
  }

  #keep(text: string, kept: { session: Session; checkedAt: number }): void {
    this.#kept.delete(text)
    this.#kept.set(text, kept)
    if (this.#kept.size > keptMax) this.#kept.delete(this.#kept.keys().next().value!)
  }
}

function endedOf({ grantId }: Session): string {
  return `${purpose} ${grantId}`
}

function unknown(): Fault {
  return new Fault('gateway.session_unknown', 'there is no such session: begin one with `initialize`')
}

/** Reads who a client says it is; what it leaves out is empty. */
export function readInfo(value: unknown): UpstreamClient['info'] {
  const { name, version } = isObject(value) ? value : {}
  return {
    name: typeof name === 'string' ? name.slice(0, 200) : 'unknown',
    version: typeof version === 'string' ? version.slice(0, 100) : 'unknown',
  }
}

// The session id travels as a header with every request: what is declared at great length is cut to what can be used.
function readCapabilities(value: unknown): Record<string, unknown> {
  if (!isObject(value)) return {}
  if (JSON.stringify(value).length <= capabilityBytesMax) return value
  const names = ['elicitation', 'roots', 'sampling'].filter((name) => isObject(value[name]))
  const known = Object.fromEntries(names.map((name) => [name, value[name]]))
  if (JSON.stringify(known).length <= capabilityBytesMax) return known
  return Object.fromEntries(names.map((name) => [name, {}]))
}
