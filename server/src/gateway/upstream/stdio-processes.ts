import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { busy } from './answer.ts'
import { StdioProcess, type ProcessParts } from './stdio-process.ts'

// The processes of one upstream: one for everybody, or one for each principal, each with a folder of its own. Those that
// nobody uses are ended, and there are never more than were allowed.

const idleMsMax = 300_000
const sweepMs = 30_000

export class StdioProcesses {
  readonly #parts: ProcessParts
  readonly #processes = new Map<string, StdioProcess>()
  readonly #ending = new Set<Promise<void>>()
  #sweep: NodeJS.Timeout | undefined

  constructor(parts: ProcessParts) {
    this.#parts = parts
  }

  /** @param key whose it is, where each principal has one. */
  get(key: string): StdioProcess {
    const { launch, upstream } = this.#parts
    const shared = launch.process === 'shared'
    const one = this.#processes.get(shared ? '' : key)
    if (one !== undefined) return one
    if (!shared && this.#processes.size >= launch.processesMax && !this.#endIdlest()) {
      throw busy(upstream, `all of its ${launch.processesMax} processes are in use`)
    }
    const folder = shared ? launch.folder : join(launch.folder, 'principals', nameOf(key))
    const made = new StdioProcess({ ...this.#parts, launch: { ...launch, folder } })
    this.#processes.set(shared ? '' : key, made)
    if (!shared) this.#sweep ??= setInterval(() => this.endIdle(), sweepMs).unref()
    return made
  }

  /** Ends those that nobody has used for a while. */
  endIdle(): void {
    for (const [key, one] of this.#processes) if (one.idleMs > idleMsMax) this.#end(key, one)
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep)
    for (const [key, one] of this.#processes) this.#end(key, one)
    await Promise.all(this.#ending)
  }

  #endIdlest(): boolean {
    const [idlest] = [...this.#processes].toSorted(([, a], [, b]) => b.idleMs - a.idleMs)
    if (idlest === undefined || idlest[1].idleMs === 0) return false
    this.#end(...idlest)
    return true
  }

  #end(key: string, one: StdioProcess): void {
    this.#processes.delete(key)
    const ending = one.close().finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
  }
}

// A folder name that says nothing and fits every file system.
function nameOf(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 32)
}
