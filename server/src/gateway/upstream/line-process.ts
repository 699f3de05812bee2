import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
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
  lineBytesMax?: number
  graceMs?: number
}

const path = '/usr/local/bin:/usr/bin:/bin'
const unreadBytesMax = 32 * 1024 * 1024
const stderrLineMax = 2_000
const stderrLinesMax = 1_000

export function startLineProcess(parts: LineProcessParts, listener: LineListener): LineProcess {
  const { launch, secrets, log } = parts
  const folder = resolve(launch.folder)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const child = spawn(launch.command, [...launch.args], {
    cwd: folder,
    env: { PATH: path, HOME: folder, ...launch.env, ...secrets },
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
    write(line) {
      if (ended || child.stdin.writableLength > unreadBytesMax) return false
      child.stdin.write(`${line}\n`)
      return true
    },
    async stop() {
      if (ended) return
      child.stdin.end()
      killGroup(child.pid, 'SIGTERM')
      const timer = setTimeout(() => killGroup(child.pid, 'SIGKILL'), parts.graceMs ?? 2_000)
      await gone
      clearTimeout(timer)
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
