import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { findLastCheckpoint, insertCheckpoint, type StoredCheckpoint } from '../store/checkpoints.ts'
import { countEntries, listLeaves } from '../store/entries.ts'
import type { Store } from '../store/store.ts'
import {
  isSignedBy,
  noteKey,
  readCheckpoint,
  signCheckpoint,
  type SignedCheckpoint,
  type Signer,
} from './checkpoint.ts'
import { Frontier, leafHash } from './merkle.ts'

const pageMax = 1_000
const heardMax = 4_096

/** The signed head of the ledger. */
export interface Head {
  /** Told what this process wrote and where, so that it need not be read again. */
  hear(first: number, leaves: readonly string[]): void
  /** Signs the entries up to now, unless the last checkpoint covers them. */
  sign(): Promise<SignedCheckpoint>
}

/**
 * Opens the head: goes on from the last checkpoint and the edge of the tree that was kept with it, and looks at the
 * entries since then only. What the database says of earlier ones is not signed again, so altering it cannot be laundered.
 *
 * @throws {Fault} `ledger.invalid` if the last checkpoint is not of this ledger or not signed by this key, or the edge
 *   that was kept with it is not its own.
 */
export async function openHead(rooms: { store: Store; clock: Clock; origin: string; signer: Signer }): Promise<Head> {
  const { store, clock, origin, signer } = rooms
  const key = noteKey(signer.name, signer.publicKey)
  const last = await findLastCheckpoint(store)
  let frontier = new Frontier()
  /** By the position of the first leaf of each, in their order. */
  const heard = new Map<number, readonly string[]>()
  let current: SignedCheckpoint | undefined
  let signing: Promise<SignedCheckpoint> | undefined
  if (last !== undefined) ({ frontier, checkpoint: current } = goOn(last))

  function goOn(stored: StoredCheckpoint): { frontier: Frontier; checkpoint: SignedCheckpoint } {
    const checkpoint = readCheckpoint(stored.note)
    const edge = Frontier.read(stored.size, stored.frontier)
    if (checkpoint.origin !== origin) throw invalid(`it is of \`${checkpoint.origin}\`, this ledger is \`${origin}\``)
    if (!isSignedBy(checkpoint, key)) throw invalid('it is not signed by the key of this ledger')
    if (checkpoint.size !== stored.size || !edge || !Buffer.from(edge.root()).equals(checkpoint.root)) {
      throw invalid('what is kept with it is not its own')
    }
    return { frontier: edge, checkpoint }
  }

  // What was not heard of, such as the entries of other replicas, is read.
  async function grow(): Promise<void> {
    const end = await countEntries(store)
    while (frontier.size < end) {
      if (takeHeard()) continue
      const leaves = await listLeaves(store, frontier.size, Math.min(pageMax, end - frontier.size))
      if (leaves.length === 0) throw invalid(`entry ${frontier.size} is missing`)
      for (const leaf of leaves) frontier.append(leafHash(leaf))
    }
  }

  function takeHeard(): boolean {
    const batch = heard.get(frontier.size)
    for (const first of heard.keys()) {
      if (first > frontier.size) break
      heard.delete(first)
    }
    for (const leaf of batch ?? []) frontier.append(leafHash(leaf))
    return batch !== undefined
  }

  async function sign(): Promise<SignedCheckpoint> {
    await grow()
    if (current?.size === frontier.size) return current
    const { size } = frontier
    const root = frontier.root()
    const note = await signCheckpoint({ origin, size, root }, signer)
    const kept = await insertCheckpoint(store, { size, at: clock.now(), note, frontier: frontier.toString() })
    const checkpoint = readCheckpoint(kept.note)
    if (!Buffer.from(root).equals(checkpoint.root))
      throw invalid(`another replica signed another root for ${size} entries`)
    current = checkpoint
    return checkpoint
  }

  return {
    hear(first, leaves) {
      // Of what cannot be signed for so long nothing is kept: it stands in the store.
      if (heard.size >= heardMax) heard.clear()
      heard.set(first, leaves)
    },
    async sign() {
      // Whoever asks while one is being made may have entries that it does not cover.
      await signing?.catch(() => undefined)
      signing ??= sign().finally(() => {
        signing = undefined
      })
      return signing
    },
  }
}

function invalid(detail: string): Fault {
  return new Fault('ledger.invalid', `cannot go on from the last checkpoint of the ledger: ${detail}`)
}
