import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../base/fault.ts'

/** The key that seals everything else, and where it came from. */
export interface MasterKey {
  bytes: Uint8Array
  source: 'environment' | 'file' | 'generated'
  /** The file that holds it; absent when it came from the environment. */
  file: string | undefined
  /** What the operator should know, one line each: to back up a new key, to close an open file. */
  warnings: string[]
}

/**
 * Finds the master key: the bytes that the environment gave, else the file that is named, else `master.key` in the data
 * folder, which is made (mode 0600, 256 random bits) if it is not there.
 *
 * Promise: once this returns a key that it made, the key is on disk. Of several processes that make it at once, one wins
 * and all return the same.
 *
 * @param place The three settings of the configuration; a key file holds base64 of 32 bytes.
 * @throws {Fault} `vault.key_invalid` if the key is not 32 random bytes, or the file that is named cannot be read.
 */
export function readMasterKey(place: {
  masterKey: Uint8Array | undefined
  masterKeyFile: string | undefined
  dataDir: string
}): MasterKey {
  if (place.masterKey !== undefined) {
    const bytes = checkKey(place.masterKey, 'SALLYPORT_MASTER_KEY')
    return { bytes, source: 'environment', file: undefined, warnings: [] }
  }
  if (place.masterKeyFile !== undefined) return readKeyFile(place.masterKeyFile)
  const file = join(place.dataDir, 'master.key')
  if (!makeKeyFile(place.dataDir, file)) return readKeyFile(file)
  const warning = `made a new master key in ${file}: back it up apart from the database, for without it nothing sealed can be opened again`
  return { ...readKeyFile(file), source: 'generated', warnings: [warning] }
}

function readKeyFile(file: string): MasterKey {
  let text: string
  let mode: number
  try {
    text = readFileSync(file, 'utf8')
    mode = statSync(file).mode
  } catch (cause) {
    throw new Fault('vault.key_invalid', `cannot read the master key from \`${file}\``, {
      cause,
      detail: String(cause),
    })
  }
  const warnings = (mode & 0o077) === 0 ? [] : [`the master key in ${file} can be read by others: chmod 600 it`]
  return { bytes: parseKey(text, file), source: 'file', file, warnings }
}

function parseKey(text: string, where: string): Uint8Array {
  const compact = text.trim()
  return checkKey(/^[A-Za-z0-9+/_-]{43}=?$/.test(compact) ? Buffer.from(compact, 'base64') : Buffer.alloc(0), where)
}

function checkKey(bytes: Uint8Array, where: string): Uint8Array {
  // 32 random bytes hold about 30 different ones; fewer than 16 is a sample, a pattern or a typed word.
  if (bytes.length === 32 && new Set(bytes).size >= 16) return bytes
  throw new Fault(
    'vault.key_invalid',
    `cannot use the master key of \`${where}\`: it must be base64 of 32 random bytes; make one with: openssl rand -base64 32`,
  )
}

/** Written aside and linked into place, so that nobody ever reads half a key. Returns false if there is one already. */
function makeKeyFile(folder: string, file: string): boolean {
  if (statSync(file, { throwIfNoEntry: false }) !== undefined) return false
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const aside = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  const descriptor = openSync(aside, 'wx', 0o600)
  try {
    writeSync(descriptor, `${randomBytes(32).toString('base64')}\n`)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  try {
    linkSync(aside, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(aside, { force: true })
  }
  syncFolder(folder)
  return true
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
