import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { digestOf } from '../base/ids.ts'
import { canonicalJson, readJson } from '../base/json.ts'
import type { Sealer } from '../vault/sealer.ts'
import type { Call } from './call-state.ts'

/** What a state of ours stands for: that of the upstream, or a call that we hold open. */
export type State = { kind: 'theirs'; state: string } | { kind: 'held'; held: string; callId: string }

type Aimed = Pick<Call, 'caller' | 'upstream' | 'envelope'>

/** As long as somebody may take to answer; the upstream may be stricter. */
const ageMsMax = 60 * 60_000
const purpose = 'request-state'

/**
 * Seals and opens the `requestState` that a client carries from one round of a call to the next. What comes out opens
 * only for the same grant, upstream and request (method, name and arguments, byte for byte), and for an hour.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
 */
export class RequestStates {
  readonly #sealer: Sealer
  readonly #clock: Clock

  constructor(rooms: { sealer: Sealer; clock: Clock }) {
    this.#sealer = rooms.sealer
    this.#clock = rooms.clock
  }

  seal(call: Aimed, state: State): string {
    const until = this.#clock.now() + ageMsMax
    return this.#sealer.seal(purpose, bindingOf(call), JSON.stringify({ ...state, until }))
  }

  /**
   * Opens the state that a request carries.
   *
   * @returns undefined where it carries none.
   * @throws {Fault} `gateway.state_refused`: altered, another grant's, of another request, or too old. Nothing was done.
   */
  open(call: Aimed): State | undefined {
    const sealed = call.envelope.params['requestState']
    if (sealed === undefined) return undefined
    let state: State & { until: number }
    try {
      // One spelling only: what a lenient decoder would skip is an alteration.
      if (typeof sealed !== 'string' || !/^s1\.[\w-]+$/.test(sealed)) throw new TypeError('not ours')
      state = readJson(this.#sealer.open(purpose, bindingOf(call), sealed)) as typeof state
    } catch {
      throw refused('it was altered, or belongs to another request')
    }
    if (state.until < this.#clock.now()) throw refused('its time is over')
    return state
  }
}

function refused(why: string): Fault {
  return new Fault('gateway.state_refused', `cannot go on with this \`requestState\`: ${why}; make the call anew`)
}

function bindingOf({ caller, upstream, envelope }: Aimed): string {
  const { grantId } = caller
  const { method, params } = envelope
  const { _meta: _m, inputResponses: _i, requestState: _s, ...request } = params
  return digestOf(canonicalJson({ grantId, upstream, method, request }))
}
