import { readCheckpoint, readKey, type SignedCheckpoint } from './checkpoint.ts'
import { entryBytesMax, type EntryKind } from './entry.ts'
import { hashBytes, leafHash } from './merkle.ts'
import { readBundle, TileCutter, tilePath, tileWidth, widthOf, type Tile } from './tiles.ts'
import { malformed, readBounded, readHead, readHeads, readKeys, readText } from './verify/files.ts'
import { Unsound, type Problem, type Remark } from './verify/problem.ts'
import { Story } from './verify/story.ts'
import { Trust } from './verify/trust.ts'

export type { Problem, Remark } from './verify/problem.ts'

/** What the person who verifies knows from elsewhere. The more, the less the export must be believed. */
export interface Pins {
  /** Public keys of the ledger, as `formatKey` writes them. Without, the keys of the export itself are taken. */
  keys?: readonly string[]
  /** The name of the ledger. Without, that of the first pinned key, or what the export says. */
  origin?: string
  /** A checkpoint that was seen earlier, as a signed note: shows whether the ledger was rolled back or forked since. */
  checkpoint?: string
}

/** What was found. `problem` is absent exactly when everything holds. */
export interface Verification {
  problem: Problem | undefined
  remarks: Remark[]
  origin: string | undefined
  /** Entries that were verified: all, unless there is a problem. */
  size: number
  /** The root over them, base64. */
  root: string
  /** Checkpoints whose signature and root hold. */
  checkpoints: number
  counts: Record<EntryKind, number>
  firstAt: number | undefined
  lastAt: number | undefined
}

/**
 * Verifies an exported ledger: every byte of it, without a server, a database or the network.
 *
 * Holds when every checkpoint is signed by a key of this ledger and its root is that of the entries before it (so that
 * each continues the one before), when every tile of hashes is right, when every entry is one of this format, when each
 * outcome follows its own intent and is the only one, and when no call and no approval comes twice. It cannot see what
 * was cut off after the last checkpoint of the export: for that, pin a later checkpoint.
 *
 * Reads the entries once, in their order; memory does not grow with them but for eight bytes a call.
 *
 * @param folder What `writeExport` wrote.
 * @param onProgress Told of the entries verified so far and of all.
 * @returns What was found; the first problem ends the verification. Nothing that the folder holds makes it throw.
 * @throws {Fault} `ledger.invalid` if a pin cannot be read.
 * @see spec/ledger.md, "Verification"
 */
export async function verifyLedger(
  folder: string,
  pins: Pins = {},
  onProgress?: (done: number, all: number) => void,
): Promise<Verification> {
  const found: Verification = {
    problem: undefined,
    remarks: [],
    origin: undefined,
    size: 0,
    root: '',
    checkpoints: 0,
    counts: { intent: 0, outcome: 0, denial: 0, login: 0, change: 0 },
    firstAt: undefined,
    lastAt: undefined,
  }
  const pinned = pins.keys?.map(readKey)
  const known = pins.checkpoint === undefined ? undefined : readCheckpoint(pins.checkpoint)
  try {
    const head = readHead(await readText(folder, 'checkpoint'), 'checkpoint')
    const listed = (await readText(folder, 'keys')).split('\n').filter((line) => line !== '')
    const keys = readKeys(listed, 'keys')
    const trust = new Trust(pins.origin ?? pinned?.[0]?.name ?? head.origin, pinned ?? keys)
    found.origin = trust.origin
    if (pinned === undefined) {
      const message =
        'the keys come from the export itself: whoever made it could have made all of it; pin the key (`--key`)'
      found.remarks.push({ code: 'keys.not_pinned', message })
    }
    await new Walk({ folder, head, known, trust, found, onProgress }).run()
  } catch (error) {
    if (!(error instanceof Unsound)) throw error
    found.problem = error.problem
  }
  return found
}

interface Task {
  folder: string
  head: SignedCheckpoint
  known: SignedCheckpoint | undefined
  trust: Trust
  found: Verification
  onProgress: ((done: number, all: number) => void) | undefined
}

/** A bundle of entries and the tile of their hashes, being read. */
interface Files {
  width: number
  path: string
  bundle: Promise<Buffer>
  tile: Promise<Buffer>
}

const nothing = Promise.resolve(Buffer.alloc(0))
const none: Files = { width: 0, path: '', bundle: nothing, tile: nothing }

/** One walk over the entries. A difference is kept until the next checkpoint tells on which side it lies. */
class Walk {
  readonly #task: Task
  readonly #cutter = new TileCutter()
  readonly #story = new Story()
  readonly #heads: AsyncGenerator<SignedCheckpoint>
  #next: SignedCheckpoint | undefined
  #suspect: Problem | undefined

  constructor(task: Task) {
    this.#task = task
    this.#heads = readHeads(task.folder, 'checkpoints')
  }

  async run(): Promise<void> {
    const { head, known, found } = this.#task
    if (known !== undefined) this.#task.trust.checkOrigin(known, 'known')
    if (known !== undefined && known.size > head.size) {
      const message = `the ledger has ${head.size} entries, but a checkpoint of ${known.size} is known: entries were cut off`
      throw new Unsound({ code: 'known.rolled_back', message, entry: head.size, upTo: known.size - 1 })
    }
    await this.#advance()
    await this.#checkHeads()
    let reading = this.#begin(0)
    for (let index = 0; index * tileWidth < head.size; index++) {
      const files = reading
      // The disk works while we do.
      reading = this.#begin(index + 1)
      await this.#walkBundle(index, files)
    }
    await this.#compare(this.#cutter.partial())
    if (this.#suspect !== undefined) throw new Unsound(this.#suspect)
    found.remarks.push(...this.#story.remarks())
  }

  /** Begins to read a bundle and its hashes; a failure is told to who waits for them. */
  #begin(index: number): Files {
    const { folder, head } = this.#task
    const width = Math.min(tileWidth, head.size - index * tileWidth)
    if (width <= 0) return none
    const path = tilePath('entries', index, width)
    const files = {
      width,
      path,
      bundle: readBounded(folder, path, width * (2 + entryBytesMax)),
      tile: this.#readTile(0, index, width),
    }
    for (const reading of [files.bundle, files.tile]) reading.catch(() => undefined)
    return files
  }

  async #walkBundle(index: number, { width, path, ...files }: Files): Promise<void> {
    const { head, onProgress } = this.#task
    const bytes = await this.#orSuspect(files.bundle, index * tileWidth)
    const { entries, whole } = readBundle(bytes, width)
    const tile = await this.#orSuspect(files.tile, index * tileWidth)
    for (const [i, entry] of entries.entries()) {
      const position = index * tileWidth + i
      const leaf = leafHash(entry)
      if (!leaf.equals(tile.subarray(i * hashBytes, (i + 1) * hashBytes))) this.#suspectLeaf(position, index, width)
      this.#take(entry, position)
      this.#cutter.append(leaf)
      if (this.#next?.size === this.#cutter.size || this.#task.known?.size === this.#cutter.size)
        await this.#checkHeads()
    }
    if (!whole) {
      const entry = index * tileWidth + entries.length
      const message = `\`${path}\` does not hold ${width} entries: it cannot be read at entry ${entry}`
      throw new Unsound(this.#suspect ?? { code: 'file.malformed', message, entry, file: path })
    }
    // The leaves were compared one by one: from here on only what lies above them.
    await this.#compare(this.#cutter.takeFull().filter(({ level }) => level > 0))
    onProgress?.(this.#cutter.size, head.size)
  }

  #suspectLeaf(position: number, index: number, width: number): void {
    const file = tilePath(0, index, width)
    const message = `\`${file}\` has another hash for entry ${position} than the entry that was signed`
    this.#suspect ??= { code: 'tile.changed', message, entry: position, file }
  }

  #take(bytes: Uint8Array, position: number): void {
    if (this.#suspect !== undefined) return
    const taken = this.#story.next(bytes, position)
    if ('entry' in taken) this.#task.trust.hear(taken.entry, position)
    this.#suspect = taken.problem
  }

  async #readTile(level: number, index: number, width: number): Promise<Buffer> {
    const path = tilePath(level, index, width)
    const bytes = await readBounded(this.#task.folder, path, width * hashBytes)
    if (bytes.length !== width * hashBytes) throw malformed(path, `it has not ${width} hashes`)
    return bytes
  }

  async #compare(tiles: Tile[]): Promise<void> {
    for (const { level, index, hashes } of tiles) {
      const width = widthOf({ level, index, hashes })
      const file = tilePath(level, index, width)
      const bytes = await this.#orSuspect(this.#readTile(level, index, width), index * tileWidth ** (level + 1))
      if (bytes.equals(hashes)) continue
      const at = hashes.findIndex((byte, i) => byte !== bytes[i])
      const entry = (index * tileWidth + Math.floor(at / hashBytes)) * tileWidth ** level
      const message = `\`${file}\` has another hash than the entries from ${entry} on`
      this.#suspect ??= { code: 'tile.changed', message, entry, upTo: entry + tileWidth ** level - 1, file }
    }
  }

  /** A file that cannot be read ends the walk; an earlier difference is then the first thing to say. */
  async #orSuspect<T>(reading: Promise<T>, entry: number): Promise<T> {
    try {
      return await reading
    } catch (error) {
      if (!(error instanceof Unsound)) throw error
      throw new Unsound(this.#suspect ?? { entry, ...error.problem })
    }
  }

  async #checkHeads(): Promise<void> {
    const { known, trust, found } = this.#task
    const size = this.#cutter.size
    const root = Buffer.from(this.#cutter.root())
    while (this.#next?.size === size) {
      trust.check(this.#next, 'checkpoint')
      if (!root.equals(this.#next.root)) throw new Unsound(this.#changedBefore(size))
      trust.confirm(size)
      found.checkpoints++
      await this.#advance()
    }
    if (known?.size === size) {
      trust.check(known, 'known')
      if (!root.equals(known.root)) {
        const message = `the ledger does not continue the known checkpoint of ${size} entries: it was forked or rewritten`
        throw new Unsound({ code: 'known.forked', message, entry: found.size, upTo: size - 1 })
      }
    }
    // The root holds: what differed is the tile, not the entry; what made no sense was signed all the same.
    if (this.#suspect !== undefined) throw new Unsound(this.#suspect)
    Object.assign(found, { size, root: root.toString('base64'), counts: { ...this.#story.counts } })
    Object.assign(found, { firstAt: this.#story.firstAt, lastAt: this.#story.lastAt })
  }

  #changedBefore(size: number): Problem {
    const from = this.#task.found.size
    const range = `the checkpoint of ${size} entries does not have their root`
    if (this.#suspect?.entry === undefined) {
      const message = `${range}: something in entries ${from} to ${size - 1} is not what was signed`
      return { code: 'entry.changed', message, entry: from, upTo: size - 1 }
    }
    const { entry, file } = this.#suspect
    const message = `${range}, and entry ${entry} is the first that does not hold`
    return { code: 'entry.changed', message, entry, ...(file === undefined ? {} : { file }) }
  }

  /** Takes the next checkpoint of the history; after the last it must have been that of the export. */
  async #advance(): Promise<void> {
    const { head } = this.#task
    const before = this.#next
    const { value, done } = await this.#heads.next()
    this.#next = done ? undefined : value
    if (done) {
      if (before?.note === head.note) return
      throw malformed('checkpoints', 'its last checkpoint is not the one in `checkpoint`')
    }
    if (value.size > head.size || (before !== undefined && value.size < before.size)) {
      const message = `the checkpoint of ${value.size} entries comes after one of ${before?.size ?? head.size}`
      throw new Unsound({ code: 'checkpoint.out_of_order', message, file: 'checkpoints' })
    }
    if (before !== undefined && value.size === before.size && !Buffer.from(value.root).equals(before.root)) {
      this.#task.trust.check(value, 'checkpoint')
      const message = `two signed checkpoints of ${value.size} entries have different roots: the ledger was forked`
      throw new Unsound({ code: 'checkpoint.conflict', message, entry: this.#task.found.size, upTo: value.size - 1 })
    }
  }
}
