import { Fault } from '../../base/fault.ts'
import { readMessage, isResponse, type RpcError, type RpcResponse } from './message.ts'
import { replyBytesMax, wholeBytesMax, type UpstreamReply, type WholeReply } from './upstream-kind.ts'

export interface Answer {
  /** As the upstream wrote it, but for what the gateway had to change. */
  text: string
  message: RpcResponse
  /** What `text` was read from. */
  bytes?: Uint8Array
}

export function wholeReply(status: number, answer: Answer): WholeReply {
  const { text, message, bytes = Buffer.from(text) } = answer
  return { kind: 'json', status, bytes, text, message }
}

/** Changes an answer by a function of its text; what it leaves alone passes as it is. */
export function changed(answer: Answer, change: (answer: Answer) => string | undefined): Answer {
  const text = change(answer)
  return text === undefined ? answer : { text, message: readMessage(text) as RpcResponse }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads an answer to its end; or, past `wholeBytesMax` and where it `mayFlow`, as parts that end in what they mean. */
export async function readAnswer(
  upstream: string,
  { whole, chunks }: { whole: Uint8Array | undefined; chunks: AsyncIterable<Uint8Array> },
  mayFlow: boolean,
): Promise<Answer | AsyncGenerator<Uint8Array, Answer>> {
  if (whole !== undefined) return answerOf(upstream, whole)
  const reading = new Reading(upstream, chunks)
  while (await reading.next()) {
    if (mayFlow && reading.size > wholeBytesMax) return flow(reading)
  }
  return reading.answer()
}

async function* flow(reading: Reading): AsyncGenerator<Uint8Array, Answer> {
  try {
    yield* reading.parts
    while (await reading.next()) yield reading.parts.at(-1)!
    return reading.answer()
  } finally {
    await reading.leave()
  }
}

class Reading {
  readonly parts: Uint8Array[] = []
  size = 0
  readonly #upstream: string
  readonly #chunks: AsyncIterator<Uint8Array>

  constructor(upstream: string, chunks: AsyncIterable<Uint8Array>) {
    this.#upstream = upstream
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Whether there was one more part. */
  async next(): Promise<boolean> {
    const { done, value } = await this.#chunks.next()
    if (done === true) return false
    this.size += value.byteLength
    if (this.size > replyBytesMax) {
      await this.leave()
      throw badReply(this.#upstream, `an answer of more than ${replyBytesMax} bytes`)
    }
    this.parts.push(value)
    return true
  }

  async leave(): Promise<void> {
    await this.#chunks.return?.()
  }

  answer(): Answer {
    return answerOf(this.#upstream, this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts, this.size))
  }
}

/** Reads an answer all of which has come. */
export function answerOf(upstream: string, bytes: Uint8Array): Answer {
  const text = decode(upstream, bytes)
  const message = readMessage(text)
  if (message === undefined || !isResponse(message)) throw badReply(upstream, 'the answer is no JSON-RPC response')
  return { text, message, bytes }
}

function decode(upstream: string, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw badReply(upstream, 'the answer is not UTF-8')
  }
}

/** The response in a reply to ourselves, which never comes in parts. */
export async function lastMessage(reply: UpstreamReply): Promise<RpcResponse> {
  if (reply.kind === 'json') return reply.message
  if (reply.kind === 'flow') throw new TypeError('an answer to ourselves came in parts')
  let last: RpcResponse | undefined
  for await (const { message } of reply.events) if (!('method' in message)) last = message
  return last!
}

export function resultOf(upstream: string, message: RpcResponse): Record<string, unknown> {
  if ('error' in message) throw errorOf(upstream, message.error)
  return message.result
}

export function errorOf(upstream: string, error: RpcError): Fault {
  return new Fault('gateway.upstream_error', `\`${upstream}\` answered with an error`, {
    detail: `${error.code}: ${error.message.slice(0, 500)}`,
    data: { rpcCode: error.code },
  })
}

export function badReply(upstream: string, detail: string): Fault {
  return new Fault(
    'gateway.upstream_bad_reply',
    `cannot pass on the answer of \`${upstream}\`: it is not valid MCP; the call may have been carried out`,
    { detail },
  )
}

export function lost(upstream: string, detail: string): Fault {
  return new Fault('gateway.upstream_lost', `lost \`${upstream}\` during the call: it may have been carried out`, {
    detail,
  })
}

export function unreachable(upstream: string, detail: string): Fault {
  return new Fault('gateway.upstream_unreachable', `cannot reach \`${upstream}\`: nothing was sent`, { detail })
}

/** @param version what it answered: shown only where it is a date, as every revision is. */
export function unspoken(upstream: string, version: unknown): Fault {
  const known = typeof version === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(version)
  const what = known ? `MCP \`${version}\`, which the gateway does not speak` : 'no revision of MCP'
  const detail = `it answered \`initialize\` with the revision ${JSON.stringify(version)?.slice(0, 80)}`
  return new Fault(
    'gateway.upstream_unreachable',
    `cannot call \`${upstream}\`: nothing was sent, for it speaks ${what}`,
    { detail },
  )
}

export function busy(upstream: string, detail: string): Fault {
  return new Fault('gateway.upstream_busy', `cannot call \`${upstream}\` now: it is busy, and nothing was sent`, {
    detail,
  })
}

export function refused(upstream: string, detail: string): Fault {
  return new Fault('gateway.upstream_refused', `\`${upstream}\` does not accept the gateway's credential`, { detail })
}

export function cancelled(signal: AbortSignal): Fault {
  return new Fault('gateway.cancelled', 'the call was cancelled', { cause: signal.reason })
}
