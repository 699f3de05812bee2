import type { ServerResponse } from 'node:http'
import { isBusy } from './event-flow.ts'

/**
 * How often a quiet stream says that it is alive, so that no proxy between takes it for dead: below the 30 s after which
 * the most impatient of them cut.
 */
const periodMs = 25_000
/** Each period has so many beats, and each stream is part of one: never are all written to at once. */
const beats = 25
const comment = Buffer.from(': alive\n\n')

/** Keeps the streams of all clients alive, with one timer. */
export class KeepAlive {
  readonly #slots = Array.from({ length: beats }, () => new Set<ServerResponse>())
  readonly #timer: NodeJS.Timeout
  #now = 0
  #next = 0

  constructor() {
    this.#timer = setInterval(() => this.#beat(), periodMs / beats)
    this.#timer.unref()
  }

  /** Keeps this stream alive until it ends. */
  add(stream: ServerResponse): void {
    const slot = this.#slots[this.#next++ % beats]!
    slot.add(stream)
    stream.once('close', () => slot.delete(stream))
  }

  get size(): number {
    return this.#slots.reduce((sum, slot) => sum + slot.size, 0)
  }

  #beat(): void {
    for (const stream of this.#slots[this.#now++ % beats]!) {
      // Who takes nothing needs no sign of life, and the middle of an event is no place for one.
      if (!stream.writableEnded && !stream.writableNeedDrain && !isBusy(stream)) stream.write(comment)
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
