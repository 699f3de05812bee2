import { spawn } from 'node:child_process'
import { mkdirSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { confinedCommand, programPath } from './sandbox.ts'
import { replyBytesMax, type StdioLaunch, type UpstreamLog } from './upstream-kind.ts'

// A process that speaks in lines, and everything about processes that is not MCP: no shell, an environment that holds
// only what was meant for it, a group of its own so that its children end with it, bounded lines, and a bounded, cleaned
// way into the log for what it says on stderr.

export interface LineProcess {
  readonly pid: number | undefined
  /** @returns false when the process does not read what it is sent. */
  write(line: string): boolean
  /** Resolves when the whole group is gone. */
  stop(): Promise<void>
  /** Ends it at once, for a reason that is told. */
  kill(why: string): void
}

export interface LineListener {
  onLine(line: string): void
  /** Told once, after the last line, with a sentence that says how it ended. */
  onEnd(why: string): void
}

export interface LineProcessParts {
  launch: StdioLaunch
  secrets: Readonly<Record<string, string>>
  log: UpstreamLog
  /** The bubblewrap that confines it; absent: it has every right of the user that runs us. */
  bwrap?: string | undefined
  lineBytesMax?: number
  graceMs?: number
}

const politeMs = 500
const unreadBytesMax = 32 * 1024 * 1024
const stderrLineMax = 2_000
const stderrLinesMax = 1_000

export function startLineProcess(parts: LineProcessParts, listener: LineListener): LineProcess {
  const { secrets, log } = parts
  const folder = resolve(parts.launch.folder)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const launch = { ...parts.launch, folder: parts.bwrap === undefined ? folder : realpathSync(folder) }
  const { command, args } = parts.bwrap === undefined ? launch : confinedCommand(parts.bwrap, launch)
  const child = spawn(command, [...args], {
    cwd: launch.folder,
    env: { PATH: programPath, HOME: launch.folder, ...launch.env, ...secrets },
    shell: false,
    // Its own process group, which can be ended whole; Ctrl-C in our terminal does not reach it before we do.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
  })
  let ended = false
  let why: string | undefined
  const gone = new Promise<void>((settle) => {
    const end = (text: string) => {
      if (ended) return
      ended = true
      killGroup(child.pid, 'SIGKILL')
      // Whoever fled from the group and holds the other ends speaks to nobody any more.
      for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy()
      settle()
      listener.onEnd(why ?? text)
    }
    child.once('error', (error) => end(`it could not be started: ${error.message}`))
    // `close` comes after the last line; grandchildren that keep the pipe open must not hide that it has exited.
    child.once('exit', (code, signal) => {
      const text = signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`
      const late = setTimeout(() => end(text), 500)
      child.once('close', () => {
        clearTimeout(late)
        end(text)
      })
    })
  })
  const fail = (text: string) => {
    why ??= text
    killGroup(child.pid, 'SIGKILL')
  }
  readLines(child.stdout, parts.lineBytesMax ?? replyBytesMax, {
    onLine: (line) => listener.onLine(line),
    onTooLong: () => fail('it wrote a line that is too long'),
  })
  logStderr(child.stderr, Object.values(secrets), log)
  child.stdin.on('error', () => undefined)
  return {
    pid: child.pid,
    kill: fail,
    write(line) {
      if (ended || child.stdin.writableLength > unreadBytesMax) return false
      child.stdin.write(`${line}\n`)
      return true
    },
    async stop() {
      if (ended) return
      // The end of its input is how MCP says goodbye, and all that a confined program hears: a signal ends its sandbox.
      child.stdin.end()
      const graceMs = parts.graceMs ?? 2_000
      const timers = [
        setTimeout(() => killGroup(child.pid, 'SIGTERM'), Math.min(politeMs, graceMs)),
        setTimeout(() => killGroup(child.pid, 'SIGKILL'), graceMs),
      ]
      await gone
      for (const timer of timers) clearTimeout(timer)
    },
  }
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // No such group any more: what was wanted.
  }
}

interface LineReader {
  onLine(line: string): void
  onTooLong(): void
}

/** Splits a byte stream into lines without looking at any byte twice. */
export function readLines(source: NodeJS.ReadableStream, bytesMax: number, reader: LineReader): void {
  let parts: Buffer[] = []
  let size = 0
  let stopped = false
  source.on('data', (chunk: Buffer) => {
    let start = 0
    while (!stopped) {
      const end = chunk.indexOf(0x0a, start)
      const part = chunk.subarray(start, end < 0 ? chunk.length : end)
      parts.push(part)
      size += part.length
      if (size > bytesMax) {
        stopped = true
        parts = []
        reader.onTooLong()
        return
      }
      if (end < 0) return
      const line = (parts.length === 1 ? part : Buffer.concat(parts, size)).toString('utf8').trim()
      parts = []
      size = 0
      start = end + 1
      if (line !== '') reader.onLine(line)
    }
  })
  source.on('error', () => undefined)
}

function logStderr(source: NodeJS.ReadableStream, secrets: string[], log: UpstreamLog): void {
  let left = stderrLinesMax
  const hidden = secrets.filter((secret) => secret.length >= 4)
  readLines(source, 1024 * 1024, {
    onLine(line) {
      if (left <= 0) return
      left--
      let text = line
      for (const secret of hidden) text = text.replaceAll(secret, '[hidden]')
      text = text.slice(0, stderrLineMax)
      log.debug(
        { stderr: text },
        left === 0 ? 'an upstream says too much on stderr: the rest is dropped' : 'stderr of an upstream',
      )
    },
    onTooLong: () => log.warn({}, 'an upstream wrote an endless line on stderr: the rest is dropped'),
  })
}
