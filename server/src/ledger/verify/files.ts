import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { readCheckpoint, readKey, type NoteKey, type SignedCheckpoint } from '../checkpoint.ts'
import { Unsound } from './problem.ts'

const textBytesMax = 64 * 1024

/** Reads a file of an export; never more than `bytesMax`, whatever lies there. */
export async function readBounded(folder: string, path: string, bytesMax: number): Promise<Buffer> {
  const file = await open(join(folder, path), 'r').catch(() => undefined)
  if (file === undefined) throw new Unsound({ code: 'file.missing', message: `cannot read \`${path}\``, file: path })
  try {
    const stat = await file.stat()
    if (!stat.isFile() || stat.size > bytesMax) throw malformed(path, `more than ${bytesMax} bytes`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

export async function readText(folder: string, path: string): Promise<string> {
  return (await readBounded(folder, path, textBytesMax)).toString()
}

/** Reads one checkpoint, naming where it comes from when it cannot. */
export function readHead(note: string, from: string): SignedCheckpoint {
  try {
    return readCheckpoint(note)
  } catch (error) {
    throw malformed(from, (error as Error).message)
  }
}

export function readKeys(lines: readonly string[], from: string): NoteKey[] {
  try {
    const keys = lines.map(readKey)
    if (keys.length > 0) return keys
  } catch (error) {
    throw malformed(from, (error as Error).message)
  }
  throw malformed(from, 'no key')
}

/** Reads the checkpoints one by one: each is a text, an empty line and lines that begin with a dash. */
export async function* readHeads(folder: string, path: string): AsyncGenerator<SignedCheckpoint> {
  let note = ''
  let inSignatures = false
  for await (const line of readLines(folder, path)) {
    if (inSignatures && !line.startsWith('— ')) {
      yield readHead(note, path)
      note = ''
      inSignatures = false
    }
    note += line
    if (note.length > textBytesMax) throw malformed(path, 'a checkpoint of more than 64 KiB')
    if (line === '\n') inSignatures = true
  }
  if (note !== '') yield readHead(note, path)
}

async function* readLines(folder: string, path: string): AsyncGenerator<string> {
  let rest = ''
  try {
    for await (const chunk of createReadStream(join(folder, path), { encoding: 'utf8' })) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop()!
      if (rest.length > textBytesMax) break
      for (const line of lines) yield `${line}\n`
    }
  } catch (error) {
    if (error instanceof Unsound) throw error
    throw new Unsound({ code: 'file.missing', message: `cannot read \`${path}\``, file: path })
  }
  if (rest !== '') throw malformed(path, 'it does not end with a newline')
}

export function malformed(file: string, why: string): Unsound {
  return new Unsound({ code: 'file.malformed', message: `\`${file}\` is malformed: ${why}`, file })
}
