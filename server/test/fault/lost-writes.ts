import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { inTime } from '../patience.ts'

// A loss of power without a machine that loses it: strace writes down every write and every flush of a program, and from
// that the files are rebuilt as a disk would have them that lost what was not flushed.

/** Whether this system lets us trace. */
export function canTrace(): boolean {
  return spawnSync('strace', ['-o', '/dev/null', '-e', 'trace=none', 'true']).status === 0
}

const calls = 'trace=pwrite64,write,fsync,fdatasync,ftruncate,unlink'

/**
 * Runs a program, and returns what it did to files, in order.
 *
 * @param lyingDisk Every flush says that it was done, and does nothing.
 */
export async function traceWrites(
  command: readonly string[],
  trace: { file: string; lyingDisk?: boolean },
): Promise<FileEvent[]> {
  // The strings whole and in hexadecimal, the paths of descriptors beside them.
  const lie = trace.lyingDisk === true ? ['-e', 'inject=fsync,fdatasync:retval=0'] : []
  const args = ['-f', '-y', '-xx', '-s', '1000000', '-e', calls, ...lie, '-o', trace.file, ...command]
  const child = spawn('strace', args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = (await inTime(once(child, 'exit'), 'the traced program has ended', 120_000)) as [number | null]
  if (code !== 0) throw new Error(`the traced program ended with ${code}`)
  return readTrace(readFileSync(trace.file, 'latin1'))
}

/** One thing that happened to a file. A flush covers what was written before it began, once it has ended. */
export type FileEvent =
  | { kind: 'write'; path: string; at: number | undefined; bytes: Buffer }
  | { kind: 'cut'; path: string; size: number }
  | { kind: 'remove'; path: string }
  | { kind: 'flush-begins' | 'flush-ends'; path: string; thread: string }

function readTrace(text: string): FileEvent[] {
  const events: FileEvent[] = []
  const open = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, thread, rest] = /^(\d+) +(.*)$/.exec(line) ?? []
    if (thread === undefined || rest === undefined) continue
    const resumed = /^<\.\.\. (\w+) resumed>/.exec(rest)
    if (resumed !== null) {
      const path = open.get(thread)
      open.delete(thread)
      if (path !== undefined && succeeded(rest)) events.push({ kind: 'flush-ends', path, thread })
      continue
    }
    const event = readEvent(rest, thread)
    if (event === undefined) continue
    const unfinished = rest.endsWith('<unfinished ...>')
    if (!unfinished && !/ = \d+/.test(rest)) continue
    events.push(event)
    if (event.kind !== 'flush-begins') continue
    if (unfinished) open.set(thread, event.path)
    else if (succeeded(rest)) events.push({ kind: 'flush-ends', path: event.path, thread })
  }
  return events
}

// What was injected did not happen.
function succeeded(line: string): boolean {
  return line.endsWith(' = 0')
}

function readEvent(line: string, thread: string): FileEvent | undefined {
  const [, call, first, rest = ''] = /^(\w+)\(\d*<?("?[^>",]*"?)>?(.*)$/s.exec(line) ?? []
  if (call === undefined || first === undefined) return undefined
  const path = unhex(first.replaceAll('"', '')).toString()
  if (call === 'fsync' || call === 'fdatasync') return { kind: 'flush-begins', path, thread }
  if (call === 'unlink') return { kind: 'remove', path }
  if (call === 'ftruncate') return { kind: 'cut', path, size: Number(/^, (\d+)/.exec(rest)![1]) }
  const [, data, at] = /^, "((?:\\x[0-9a-f]{2})*)", \d+(?:, (\d+))?/.exec(rest) ?? []
  if (data === undefined) return undefined
  return { kind: 'write', path, at: at === undefined ? undefined : Number(at), bytes: unhex(data) }
}

function unhex(text: string): Buffer {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex')
}

type Change = Extract<FileEvent, { kind: 'write' | 'cut' }>

interface TracedFile {
  durable: Buffer
  pending: Change[]
  /** By thread: how many of the pending changes its flush covers. */
  flushing: Map<string, number>
}

/** A disk that forgets what was not flushed. Names come and go at once: directories are not what is tried here. */
export class ForgetfulDisk {
  readonly #files = new Map<string, TracedFile>()

  apply(event: FileEvent): void {
    if (event.kind === 'remove') {
      this.#files.delete(event.path)
      return
    }
    let file = this.#files.get(event.path)
    if (file === undefined) {
      file = { durable: Buffer.alloc(0), pending: [], flushing: new Map() }
      this.#files.set(event.path, file)
    }
    if (event.kind === 'write' || event.kind === 'cut') file.pending.push(event)
    else if (event.kind === 'flush-begins') file.flushing.set(event.thread, file.pending.length)
    else flush(file, event.thread)
  }

  /**
   * The file as it is after the power came back.
   *
   * @param keeps whether a change that was not flushed is on the disk all the same: disks write in any order.
   */
  read(path: string, keeps: () => boolean): Buffer | undefined {
    const file = this.#files.get(path)
    if (file === undefined) return undefined
    return file.pending.reduce<Buffer>(
      (bytes, change) => (keeps() ? changed(bytes, change) : bytes),
      Buffer.from(file.durable),
    )
  }
}

function flush(file: TracedFile, thread: string): void {
  const count = file.flushing.get(thread) ?? 0
  file.durable = file.pending.splice(0, count).reduce<Buffer>(changed, file.durable)
  file.flushing.delete(thread)
  for (const [other, covered] of file.flushing) file.flushing.set(other, Math.max(0, covered - count))
}

/** In place where it fits. */
function changed(bytes: Buffer, change: Change): Buffer {
  if (change.kind === 'cut') return Buffer.concat([bytes.subarray(0, change.size)], change.size)
  const at = change.at ?? bytes.length
  const end = at + change.bytes.length
  const whole = end > bytes.length ? Buffer.concat([bytes], end) : bytes
  change.bytes.copy(whole, at)
  return whole
}
