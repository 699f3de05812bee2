import { hash } from 'node:crypto'

/** Bytes of a tree hash: SHA-256. */
export const hashBytes = 32

const nodePrefix = 1
// The first byte is that of a leaf; what is hashed here is never longer than an entry may be.
const leaf = Buffer.alloc(1 + 65_535)

/**
 * The hash of one leaf: SHA-256 over a zero byte and the entry, of a text its UTF-8.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6962#section-2.1
 */
export function leafHash(entry: Uint8Array | string): Buffer {
  if (typeof entry === 'string') return sha256(`\0${entry}`)
  if (entry.length >= leaf.length) throw new RangeError('a leaf that is longer than any entry')
  leaf.set(entry, 1)
  return sha256(leaf.subarray(0, 1 + entry.length))
}

// By way of a string, a character for each byte: a buffer of the platform's own takes twice as long to make as the hash.
function sha256(data: Uint8Array | string): Buffer {
  return Buffer.from(hash('sha256', data, 'binary'), 'binary')
}

const pair = Buffer.alloc(1 + 2 * hashBytes, nodePrefix)

/**
 * The hash of an inner node: SHA-256 over a one byte and both children.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6962#section-2.1
 */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  pair.set(left, 1)
  pair.set(right, 1 + hashBytes)
  return sha256(pair)
}

/** The root of the tree without leaves: SHA-256 of nothing. */
export const emptyRoot: Uint8Array = sha256('')

/**
 * The right edge of a growing Merkle tree: all that is needed to add leaves and to know the root, in 32 bytes for each
 * set bit of the size. It never looks back at what it has hashed.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6962#section-2.1
 */
export class Frontier {
  #size = 0
  /** One hash for each complete subtree, the largest first: those of the set bits of `size`. */
  readonly #hashes: Uint8Array[] = []

  /** Leaves so far. */
  get size(): number {
    return this.#size
  }

  /**
   * Adds a leaf by its hash.
   *
   * @param onNode Told of each subtree that this leaf completes, from the leaf (height 0) upwards.
   */
  append(leaf: Uint8Array, onNode?: (height: number, hash: Uint8Array) => void): void {
    let node = leaf
    onNode?.(0, node)
    let height = 0
    // Each trailing one of the size is a complete neighbour of the same height: the two become one.
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      node = nodeHash(this.#hashes.pop()!, node)
      onNode?.(++height, node)
    }
    this.#hashes.push(node)
    this.#size++
  }

  /** The root over all leaves so far. */
  root(): Uint8Array {
    const last = this.#hashes.at(-1)
    if (last === undefined) return emptyRoot
    return this.#hashes.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last)
  }

  /** Writes the edge as text, for `Frontier.read`. */
  toString(): string {
    return this.#hashes.map((hash) => Buffer.from(hash).toString('hex')).join('')
  }

  /**
   * Reads what `toString` wrote.
   *
   * @param size Number of leaves, a safe integer.
   * @returns The edge, or undefined when the text cannot be that of a tree of this size.
   */
  static read(size: number, text: string): Frontier | undefined {
    const expected = size.toString(2).replaceAll('0', '').length
    if (!Number.isSafeInteger(size) || size < 0 || !/^([0-9a-f]{64})*$/.test(text)) return undefined
    if (text.length !== expected * hashBytes * 2) return undefined
    const frontier = new Frontier()
    frontier.#size = size
    const bytes = Buffer.from(text, 'hex')
    for (let i = 0; i < bytes.length; i += hashBytes) frontier.#hashes.push(bytes.subarray(i, i + hashBytes))
    return frontier
  }
}
