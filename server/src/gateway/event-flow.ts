import type { ServerResponse } from 'node:http'

// What is said to a client is written no faster than the client takes it, and on a stream one event at a time. A small
// text is written at once and costs nothing of this.

/** So much is written at once: of what is longer the rest waits until that was taken. */
const sliceMax = 64 * 1024
/** What may wait for a client that does not read: some of the largest answers of upstreams. */
const untakenMax = 64 * 1024 * 1024
/** Who takes nothing of what waits for it is cut off after this long, or at most twice that. */
const takeMsMax = 30_000

interface Flow {
  /** Whether something is half written. */
  busy: boolean
  /** What is to be done when it no longer is, and how much of that is text. */
  readonly waiting: (() => void)[]
  length: number
}

const flows = new WeakMap<ServerResponse, Flow>()

/** Whether a stream stands in the middle of an event, where nothing else may be written. */
export function isBusy(to: ServerResponse): boolean {
  return flows.get(to)?.busy === true
}

/** Writes a text when all before it is written; who lets too much of it lie is cut off. */
export function say(to: ServerResponse, text: string): void {
  if (to.destroyed || to.writableEnded) return
  const flow = flows.get(to)
  if (to.writableLength + (flow?.length ?? 0) > untakenMax) return void to.destroy()
  if (flow?.busy !== true) return write(to, text)
  flow.length += text.length
  flow.waiting.push(() => {
    flow.length -= text.length
    write(to, text)
  })
}

/** Ends the answer when all of it is written. */
export function finish(to: ServerResponse): void {
  const flow = flows.get(to)
  if (flow?.busy === true) flow.waiting.push(() => void to.end())
  else to.end()
}

/** Whether something that was said is still here, because the client has not taken it. */
export function isUntaken(to: ServerResponse): boolean {
  if (to.destroyed) return false
  return to.writableEnded ? to.writableLength > 0 : to.writableNeedDrain || isBusy(to)
}

/** Waits until the client has taken what was said, or is gone. */
export async function untilTaken(to: ServerResponse, signal?: AbortSignal): Promise<void> {
  while (isUntaken(to) && signal?.aborted !== true) await untilMoved(to, signal)
}

/** Cuts the client off when it takes nothing, for a while, of what waits for it. */
export function cutWhenStuck(to: ServerResponse): void {
  if (to.listenerCount('timeout') > 0) return
  to.setTimeout(takeMsMax, () => {
    if (to.writableLength > 0) to.destroy()
  })
  // Its time is not that of the answer after it on the same connection; of one that is idle the server keeps its own.
  to.prependOnceListener('finish', () => to.setTimeout(0))
}

/** One event of a stream that is written in parts, as they come: nothing else is written before it is whole. */
export class EventFlow {
  readonly #to: ServerResponse

  private constructor(to: ServerResponse) {
    this.#to = to
  }

  /** Begins it when no other is half written; undefined where nobody is there any more. */
  static async begin(to: ServerResponse, signal: AbortSignal): Promise<EventFlow | undefined> {
    while (isBusy(to) && !to.destroyed && !signal.aborted) await untilMoved(to, signal)
    if (to.destroyed || to.writableEnded || signal.aborted) return undefined
    take(to)
    to.write('event: message\ndata: ')
    return new EventFlow(to)
  }

  /** @param bytes JSON in UTF-8: a line break in it means nothing, and would end the line of the event. */
  part(bytes: Uint8Array): void {
    if (!this.#to.destroyed) this.#to.write(onOneLine(bytes))
  }

  drained(signal: AbortSignal): Promise<void> {
    return drained(this.#to, signal)
  }

  end(last: Uint8Array | undefined): void {
    if (last !== undefined) this.part(last)
    this.#close('\n\n')
  }

  /** Makes it void: an event of a kind that clients do not know, as the last word on its kind counts. */
  breakOff(): void {
    this.#close('\nevent: broken-off\n\n')
  }

  #close(end: string): void {
    if (!this.#to.destroyed) this.#to.write(end)
    release(this.#to)
  }
}

function onOneLine(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(0x0a) && !bytes.includes(0x0d)) return bytes
  return bytes.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte))
}

function take(to: ServerResponse): void {
  const flow = flows.get(to)
  if (flow === undefined) flows.set(to, { busy: true, waiting: [], length: 0 })
  else flow.busy = true
}

function release(to: ServerResponse): void {
  const flow = flows.get(to)!
  flow.busy = false
  while (!isBusy(to) && flow.waiting.length > 0) flow.waiting.shift()!()
}

function write(to: ServerResponse, text: string): void {
  if (to.destroyed || to.writableEnded) return
  if (text.length <= sliceMax) to.write(text)
  else void writeSlices(to, text)
}

async function writeSlices(to: ServerResponse, text: string): Promise<void> {
  take(to)
  for (let at = 0; at < text.length && !to.destroyed;) {
    let end = at + sliceMax
    // Both halves of a character in one slice, or neither.
    if (/[\ud800-\udbff]/.test(text.charAt(end - 1))) end--
    to.write(text.slice(at, end))
    at = end
    await drained(to)
  }
  release(to)
}

async function drained(to: ServerResponse, signal?: AbortSignal): Promise<void> {
  while (to.writableNeedDrain && signal?.aborted !== true) await untilMoved(to, signal, 'drain')
}

/** Waits until what is half written is whole, or else all that was written has been taken; at most until it is over. */
function untilMoved(to: ServerResponse, signal: AbortSignal | undefined, what?: 'drain'): Promise<void> {
  cutWhenStuck(to)
  const flow = flows.get(to)
  return new Promise((resolve) => {
    const over = (): void => {
      to.off('drain', over).off('close', over)
      signal?.removeEventListener('abort', over)
      resolve()
    }
    if (what !== 'drain' && flow?.busy === true) flow.waiting.push(over)
    else to.on('drain', over)
    to.on('close', over)
    signal?.addEventListener('abort', over, { once: true })
  })
}
