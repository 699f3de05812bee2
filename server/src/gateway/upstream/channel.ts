// A bounded pipe between who is called back (a process's lines, a socket's chunks) and who awaits.

export interface ChannelOptions {
  /** Told when the reader has caught up, after `push` said that it had not. */
  onDrained?: () => void
  /** Told when the reader leaves before the end. */
  onLeft?: () => void
}

export class Channel<Item> implements AsyncIterable<Item> {
  readonly #items: Item[] = []
  readonly #itemsMax: number
  readonly #options: ChannelOptions
  #ended = false
  #error: Error | undefined
  #wake: (() => void) | undefined
  #full = false

  constructor(itemsMax: number, options: ChannelOptions = {}) {
    this.#itemsMax = itemsMax
    this.#options = options
  }

  /** @returns false when the reader is behind: the writer should pause, or let something go. */
  push(item: Item): boolean {
    if (this.#ended) return true
    this.#items.push(item)
    this.#wake?.()
    this.#full = this.#items.length >= this.#itemsMax
    return !this.#full
  }

  get size(): number {
    return this.#items.length
  }

  /** Lets the oldest item go. */
  shift(): void {
    this.#items.shift()
  }

  end(error?: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    let whole = false
    try {
      for (;;) {
        if (this.#items.length > 0) {
          const item = this.#items.shift()!
          if (this.#full && this.#items.length === 0) {
            this.#full = false
            this.#options.onDrained?.()
          }
          yield item
        } else if (this.#ended) {
          whole = true
          if (this.#error !== undefined) throw this.#error
          return
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve))
          this.#wake = undefined
        }
      }
    } finally {
      if (!whole) {
        this.end()
        this.#options.onLeft?.()
      }
    }
  }
}
