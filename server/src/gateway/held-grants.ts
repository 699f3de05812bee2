import { Fault } from '../base/fault.ts'
import type { Act } from '../oauth/actor.ts'
import type { About } from '../store/revisions.ts'
import { type Holder, holderWord } from './upstream/caller-key.ts'

/** Who calls, as far as tokens in their name are concerned. */
export interface OnBehalfCaller {
  principalId: string
  clientId: string
  grantId: string
  /** Who acts for the person, where it is not the client alone. */
  act?: Act | undefined
}

/** A grant under which an upstream is called in somebody's name. */
export interface HeldGrant {
  /** Who calls under it, asked anew each time. Throws when it has ended. */
  caller(): Promise<OnBehalfCaller>
  /** Aborted when it has ended: what was begun under it ends then. */
  gone: AbortSignal
}

interface Held {
  upstream: string
  grantId: string
  /** Who it was when it was last asked. */
  caller: OnBehalfCaller | undefined
  gone: AbortController
}

type CallerOf = (upstream: string, grantId: string) => Promise<OnBehalfCaller>

const heldMax = 50_000

/** The grants of the callers who have a connection of their own with an upstream, each until it ends. */
export class HeldGrants {
  readonly #callerOf: CallerOf
  // In the order of use.
  readonly #held = new Map<string, Held>()

  /** @param callerOf throws for a grant that has ended. */
  constructor(callerOf: CallerOf) {
    this.#callerOf = callerOf
  }

  hold(upstream: string, { grantId, act }: Holder): HeldGrant {
    const key = JSON.stringify([upstream, holderWord({ grantId, act })])
    const held: Held = { upstream, grantId, caller: undefined, gone: new AbortController() }
    this.#held.delete(key)
    this.#makeRoom()
    this.#held.set(key, held)
    const caller = async (): Promise<OnBehalfCaller> => {
      if (this.#held.get(key) === held) {
        this.#held.delete(key)
        this.#held.set(key, held)
      }
      if (held.gone.signal.aborted) throw ended(upstream)
      held.caller = await this.#callerOf(upstream, grantId)
      return act === undefined ? held.caller : { ...held.caller, act }
    }
    return { caller, gone: held.gone.signal }
  }

  /** Ends what these news have ended. News of a grant that goes on, as that it has got more, cut nothing. */
  async hear({ kind, id }: About): Promise<void> {
    if (kind !== 'grant' && kind !== 'principal' && kind !== 'client') return
    const member = `${kind}Id` as const
    const concerned = [...this.#held].filter(
      ([, { grantId, caller }]) => id === undefined || id === (kind === 'grant' ? grantId : caller?.[member]),
    )
    for (const [key, held] of concerned) {
      try {
        await this.#callerOf(held.upstream, held.grantId)
      } catch {
        // Whatever it is: what cannot be known to stand ends.
        if (this.#held.get(key) === held) this.#held.delete(key)
        held.gone.abort()
      }
    }
  }

  #makeRoom(): void {
    if (this.#held.size < heldMax) return
    for (const [key, { gone }] of this.#held) {
      this.#held.delete(key)
      gone.abort()
      return
    }
  }
}

function ended(upstream: string): Fault {
  const detail = 'what was begun under this grant has ended'
  return new Fault('gateway.exchange_failed', `cannot call \`${upstream}\` in your name`, { detail, status: 403 })
}
