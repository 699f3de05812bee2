import { Worker } from 'node:worker_threads'
import { Fault } from '../../base/fault.ts'
import type { Question, Reply } from './sqlite-program.ts'

/** How long one statement is waited for; the thread may be stuck in it for as long as the disk is. */
export const answerMsMax = 5_000
/** The thread has to start first, and to read what an earlier process left in the WAL. */
const openMsMax = 60_000

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}

/**
 * The thread that SQLite runs in, so that a disk which hangs does not hold up whoever answers clients. It answers in the
 * order of the questions.
 */
export class SqliteThread {
  /** How long a statement is waited for where nothing else is said. */
  answerMsMax = answerMsMax
  readonly #worker: Worker
  readonly #waiting: (Waiting | undefined)[] = []
  #onIdle: (() => void)[] = []
  #ended: Error | undefined

  private constructor(worker: Worker) {
    this.#worker = worker
    worker.on('message', (reply: Reply) => this.#answered(reply))
    worker.on('error', (error) => this.#end(error))
    worker.on('exit', () => this.#end(new Error('the thread of the database has ended')))
    // What is waited for keeps the process alive by its timer.
    worker.unref()
  }

  /** Starts the thread and opens the file. @throws what SQLite throws. */
  static async open(file: string): Promise<SqliteThread> {
    const worker = new Worker(new URL('./sqlite-program.ts', import.meta.url), { name: 'sqlite' })
    const thread = new SqliteThread(worker)
    try {
      await thread.ask({ ask: 'open', file }, openMsMax)
      return thread
    } catch (error) {
      await thread.terminate()
      throw error
    }
  }

  /** Whether an answer is late: then whatever comes next waits behind it. */
  get stuck(): boolean {
    return this.#waiting[0] === undefined && this.#waiting.length > 0
  }

  /** @throws {Fault} `store.unavailable` if there is no answer in time: it may be done all the same. */
  ask(question: Question, withinMs = this.answerMsMax): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      const at = { resolve, reject, timer: setTimeout(() => this.#giveUp(at), withinMs) }
      this.#waiting.push(at)
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      this.#worker.postMessage(question)
    })
  }

  /** Resolves when everything that was asked is answered. */
  async idle(): Promise<void> {
    if (this.#waiting.length > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve))
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate()
  }

  #giveUp(waiting: Waiting): void {
    this.#waiting[this.#waiting.indexOf(waiting)] = undefined
    waiting.reject(unavailable('SQLite did not answer in time: the disk may hang'))
  }

  #answered(reply: Reply): void {
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) {
      clearTimeout(waiting.timer)
      if ('value' in reply) waiting.resolve(reply.value)
      else waiting.reject(Object.assign(new Error(reply.failure), { errcode: reply.errcode }))
    }
    if (this.#waiting.length === 0) this.#wake()
  }

  #end(error: Error): void {
    this.#ended ??= error
    for (const waiting of this.#waiting.splice(0)) {
      clearTimeout(waiting?.timer)
      waiting?.reject(error)
    }
    this.#wake()
  }

  #wake(): void {
    for (const resolve of this.#onIdle.splice(0)) resolve()
  }
}

export function unavailable(detail: string, cause?: unknown): Fault {
  return new Fault('store.unavailable', 'the database does not answer; try again in a moment', { detail, cause })
}
