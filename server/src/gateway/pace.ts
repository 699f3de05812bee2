const windowMs = 1_000
/** So many pass in a second: no person reads more of them, and no stream is flooded. */
const mostPerWindow = 50
const heldMax = 256

/**
 * How often an upstream may interrupt one client: fifty times a second. Of what comes faster the newest of each kind is kept,
 * and passes when the second is over or, at the latest, before the answer.
 */
export class Pace<Item> {
  readonly #pass: (item: Item) => void
  readonly #kindOf: (item: Item) => string
  readonly #held = new Map<string, Item>()
  #passed = 0
  #window: NodeJS.Timeout | undefined

  /** @param kindOf of two items of one kind the newer says all that the older said. */
  constructor(pass: (item: Item) => void, kindOf: (item: Item) => string) {
    this.#pass = pass
    this.#kindOf = kindOf
  }

  offer(item: Item): void {
    this.#window ??= setTimeout(() => this.#next(), windowMs).unref()
    if (this.#passed < mostPerWindow) {
      this.#passed++
      return this.#pass(item)
    }
    const kind = this.#kindOf(item)
    this.#held.delete(kind)
    this.#held.set(kind, item)
    if (this.#held.size > heldMax) this.#held.delete(this.#held.keys().next().value!)
  }

  /** Passes what was kept: nothing more comes. */
  end(): void {
    clearTimeout(this.#window)
    for (const item of this.#held.values()) this.#pass(item)
    this.#held.clear()
  }

  #next(): void {
    this.#window = undefined
    this.#passed = 0
    const held = [...this.#held.values()]
    this.#held.clear()
    for (const item of held) this.offer(item)
  }
}
