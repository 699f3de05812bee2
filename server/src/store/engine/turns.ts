import { unavailable } from './sqlite-thread.ts'

/** How long a turn is waited for. */
const turnMsMax = 2_000

/** One after the other, in the order in which they came: there is one connection. */
export class Turns {
  readonly #waiting = new Set<() => void>()
  #taken = false

  /** @throws {Fault} `store.unavailable` if the turn does not come in time. */
  take(): Promise<void> {
    if (!this.#taken) {
      this.#taken = true
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const go = (): void => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(go)
        reject(unavailable('the connection to SQLite was busy for too long'))
      }, turnMsMax)
      this.#waiting.add(go)
    })
  }

  /** Lets the next one go. */
  pass(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#taken = false
    } else {
      this.#waiting.delete(next)
      next()
    }
  }
}
