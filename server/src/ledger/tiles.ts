import { Frontier, hashBytes } from './merkle.ts'

/** Hashes of a full tile, and entries of a full bundle. */
export const tileWidth = 256
const heightOfTile = 8
const lengthBytes = 2

/**
 * The path of a tile or of a bundle of entries within an export.
 *
 * @param level 0 for leaf hashes, upwards for hashes of full tiles below; `entries` for the entries themselves.
 * @param index Position of the tile within its level.
 * @param width Hashes in it, 1 to 256; less than 256 for the last one of its level.
 * @see https://c2sp.org/tlog-tiles
 */
export function tilePath(level: number | 'entries', index: number, width: number = tileWidth): string {
  const groups: string[] = []
  for (let rest = index; groups.length === 0 || rest > 0; rest = Math.floor(rest / 1_000)) {
    groups.unshift(`${groups.length === 0 ? '' : 'x'}${String(rest % 1_000).padStart(3, '0')}`)
  }
  return `tile/${level}/${groups.join('/')}${width === tileWidth ? '' : `.p/${width}`}`
}

/** A tile of hashes: `hashes` has 32 bytes for each. */
export interface Tile {
  level: number
  index: number
  hashes: Buffer
}

/** Cuts a growing tree into tiles: the writer writes them, the verifier compares them with what it finds. */
export class TileCutter {
  readonly #frontier = new Frontier()
  /** The unfinished tile of each level. */
  readonly #rows: Row[] = []
  #done: Tile[] = []

  get size(): number {
    return this.#frontier.size
  }

  root(): Uint8Array {
    return this.#frontier.root()
  }

  append(leaf: Uint8Array): void {
    this.#frontier.append(leaf, (height, hash) => {
      if (height % heightOfTile === 0) this.#push(height / heightOfTile, hash)
    })
  }

  #push(level: number, hash: Uint8Array): void {
    const row = (this.#rows[level] ??= emptyRow(0))
    row.hashes.set(hash, row.width * hashBytes)
    if (++row.width < tileWidth) return
    this.#done.push({ level, index: row.index, hashes: row.hashes })
    this.#rows[level] = emptyRow(row.index + 1)
  }

  /** Takes the full tiles since the last time. */
  takeFull(): Tile[] {
    const done = this.#done
    this.#done = []
    return done
  }

  /** The partial tiles of the present size, one at most for each level. */
  partial(): Tile[] {
    return this.#rows.flatMap(({ index, hashes, width }, level) =>
      width === 0 ? [] : [{ level, index, hashes: Buffer.from(hashes.subarray(0, width * hashBytes)) }],
    )
  }
}

interface Row {
  index: number
  /** Room for a full tile. Hashes are copied into it: one that was kept would keep the memory that it was cut from. */
  hashes: Buffer
  /** Hashes so far. */
  width: number
}

function emptyRow(index: number): Row {
  return { index, hashes: Buffer.alloc(tileWidth * hashBytes), width: 0 }
}

/** The number of hashes in a tile. */
export function widthOf(tile: Tile): number {
  return tile.hashes.length / hashBytes
}

/**
 * Writes entries as a bundle: each after its length in two bytes.
 *
 * @param entries 256 at most, each of 65,535 bytes at most.
 * @see https://c2sp.org/tlog-tiles
 */
export function writeBundle(entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    entries.flatMap((entry) => {
      const length = Buffer.alloc(lengthBytes)
      length.writeUInt16BE(entry.length)
      return [length, entry]
    }),
  )
}

/**
 * Reads a bundle.
 *
 * @param width Entries that it must hold.
 * @returns The entries up to the first that cannot be read, and whether those are all and nothing follows.
 */
export function readBundle(bytes: Uint8Array, width: number): { entries: Uint8Array[]; whole: boolean } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const entries: Uint8Array[] = []
  let at = 0
  while (entries.length < width && at + lengthBytes <= buffer.length) {
    const end = at + lengthBytes + buffer.readUInt16BE(at)
    if (end > buffer.length) break
    entries.push(buffer.subarray(at + lengthBytes, end))
    at = end
  }
  return { entries, whole: entries.length === width && at === buffer.length }
}
