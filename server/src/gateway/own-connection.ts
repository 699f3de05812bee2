import { Fault } from '../base/fault.ts'
import { aboutConnection } from '../model/connection.ts'
import type { About } from '../store/revisions.ts'
import type { Refusal, Sending, SentCredential, UpstreamNeeds } from './upstream/upstream-kind.ts'

/** A credential as an upstream kind asks for it. */
export type AskedCredential = Pick<Required<UpstreamNeeds>, 'credential' | 'onRefused'> & Pick<UpstreamNeeds, 'onNonce'>

interface Held {
  upstream: string
  principalId: string
  asked: AskedCredential
  gone: AbortController
}

const heldMax = 10_000

/** The connections of people as their calls use them: opened when they are needed, dropped when anything about them changes. */
export class OwnConnections {
  readonly #held = new Map<string, Held>()
  readonly #origin: string
  readonly #open: (upstream: string, principalId: string) => AskedCredential

  constructor(origin: string, open: (upstream: string, principalId: string) => AskedCredential) {
    this.#origin = origin
    this.#open = open
  }

  /**
   * This person's connection as it is now.
   *
   * @returns `gone` is aborted when the person has another one, or none: what was begun with it ends then.
   */
  hold(upstream: string, principalId: string): AskedCredential & { gone: AbortSignal } {
    const { asked, gone } = this.#get(upstream, principalId)
    const credential = async (request?: Sending): Promise<SentCredential> => {
      const sent = gone.signal.aborted ? undefined : await asked.credential(request)
      if (sent !== undefined && !gone.signal.aborted) return sent
      const what = 'connect it first, signed in as yourself'
      throw notConnected(this.#origin, upstream, { what, detail: 'no connection of this person' })
    }
    const onRefused = async (refusal: Refusal): Promise<boolean> =>
      !gone.signal.aborted && (await asked.onRefused(refusal))
    return { credential, onRefused, onNonce: asked.onNonce, gone: gone.signal }
  }

  /** Drops whatever these news concern. */
  forget({ kind, id }: About): void {
    for (const [key, { upstream, principalId, gone }] of this.#held) {
      const concerned =
        (kind === 'connection' && (id === undefined || id === upstream || id === key)) ||
        (kind === 'upstream' && (id === undefined || id === upstream)) ||
        (kind === 'principal' && (id === undefined || id === principalId))
      if (!concerned) continue
      this.#held.delete(key)
      gone.abort()
    }
  }

  #get(upstream: string, principalId: string): Held {
    const key = aboutConnection(upstream, principalId).id
    const found = this.#held.get(key)
    if (found !== undefined) return found
    const made = { upstream, principalId, asked: this.#open(upstream, principalId), gone: new AbortController() }
    for (const [oldest, { gone }] of this.#held) {
      if (this.#held.size < heldMax) break
      this.#held.delete(oldest)
      gone.abort()
    }
    this.#held.set(key, made)
    return made
  }
}

/** What a caller is told who can help it in a browser, on a page that is the same for everybody. */
export function notConnected(
  origin: string,
  upstream: string,
  { what, detail, cause }: { what: string; detail: string; cause?: unknown },
): Fault {
  const message = `cannot call \`${upstream}\` in your name: ${what}`
  const data = { url: `${origin}/connections/${upstream}` }
  return new Fault('gateway.not_connected', message, { data, detail, cause })
}
