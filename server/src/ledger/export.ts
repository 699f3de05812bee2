import { mkdir, open, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault } from '../base/fault.ts'
import { readCheckpoint } from './checkpoint.ts'
import { leafHash } from './merkle.ts'
import { TileCutter, tilePath, tileWidth, widthOf, writeBundle } from './tiles.ts'

/** What an export is made of. */
export interface ExportContent {
  /** The ledger's public keys, each as `formatKey` writes it. */
  keys: readonly string[]
  /** All checkpoints in the order of their sizes, one at least. Read once, before the entries. */
  checkpoints: AsyncIterable<string> | Iterable<string>
  /** The leaves in their order, in batches of any length. What is beyond the last checkpoint is left out. */
  entries: AsyncIterable<readonly string[]> | Iterable<readonly string[]>
}

/**
 * Writes a ledger as a directory that `verifyLedger` and other C2SP tools can read, without a server and a database.
 *
 * It writes what it is given and judges nothing: a tampered ledger exports too, and its verification says where.
 * `checkpoint` is written last, so a directory without it is an export that did not finish.
 *
 * @param folder Must be empty or absent. It is made readable for its owner only: a ledger names people.
 * @param onProgress Told of the entries written so far and of all.
 * @throws {Fault} `ledger.folder_not_empty`; `ledger.invalid` if there are fewer entries than the last checkpoint says,
 *   or no checkpoint. The folder then holds an unfinished export.
 * @see spec/ledger.md, "Export"
 */
export async function writeExport(
  folder: string,
  content: ExportContent,
  onProgress?: (done: number, all: number) => void,
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  if ((await readdir(folder)).length > 0) {
    throw new Fault('ledger.folder_not_empty', `cannot export to \`${folder}\`: it is not empty; name a new folder`)
  }
  await write(folder, 'keys', content.keys.map((key) => `${key}\n`).join(''))
  const head = await writeCheckpoints(join(folder, 'checkpoints'), content.checkpoints)
  const { size } = readCheckpoint(head)
  const cutter = new TileCutter()
  let bundle: Buffer[] = []

  const flush = async (): Promise<void> => {
    const index = Math.floor((cutter.size - 1) / tileWidth)
    await write(folder, tilePath('entries', index, bundle.length), writeBundle(bundle))
    for (const tile of cutter.takeFull()) await write(folder, tilePath(tile.level, tile.index), tile.hashes)
    bundle = []
    onProgress?.(cutter.size, size)
  }

  if (size > 0) {
    for await (const batch of content.entries) {
      for (const text of batch.slice(0, size - cutter.size)) {
        const entry = Buffer.from(text)
        bundle.push(entry)
        cutter.append(leafHash(entry))
        if (bundle.length === tileWidth) await flush()
      }
      if (cutter.size === size) break
    }
  }
  if (cutter.size < size) {
    throw new Fault(
      'ledger.invalid',
      `cannot export the ledger: entry ${cutter.size} is missing, its checkpoint covers ${size}`,
    )
  }
  if (bundle.length > 0) await flush()
  for (const tile of cutter.partial()) {
    await write(folder, tilePath(tile.level, tile.index, widthOf(tile)), tile.hashes)
  }
  await write(folder, 'checkpoint', head)
}

async function writeCheckpoints(path: string, checkpoints: ExportContent['checkpoints']): Promise<string> {
  const file = await open(path, 'wx', 0o600)
  let last: string | undefined
  try {
    for await (const note of checkpoints) {
      await file.write(note)
      last = note
    }
  } finally {
    await file.close()
  }
  if (last === undefined) throw new Fault('ledger.invalid', 'cannot export the ledger: it has no checkpoint')
  return last
}

async function write(folder: string, path: string, content: string | Uint8Array): Promise<void> {
  const file = join(folder, path)
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await writeFile(file, content, { flag: 'wx', mode: 0o600 })
}
