import type { ServerResponse } from 'node:http'
import { Fault } from '../base/fault.ts'
import { isObject } from '../base/json.ts'
import { batchMessagesMax } from '../base/limits.ts'
import type { Envelope } from './envelope.ts'
import type { KeepAlive } from './keep-alive.ts'
import { Reply } from './reply.ts'

// The one revision that has batches.
const batchRevision = '2025-03-26'

/** What answers one message. */
export interface Answering {
  /** Reads the message as if it had come alone. */
  read(value: unknown, onRead: (known: Pick<Envelope, 'era' | 'id'>) => void): Envelope
  /** Answers it; a throw becomes its answer. */
  answer(envelope: Envelope, reply: Reply): Promise<void>
  onFailure(error: unknown): void
}

/**
 * Answers the messages of a batch, each judged by itself, as events of one stream in the order in which they are done; a
 * batch that needs no answer is accepted.
 *
 * @param of.whole The answer to all of them.
 * @param of.version The revision that the client names on this request or named in its handshake: one that is only supposed
 *   is not enough.
 * @throws {Fault} `gateway.bad_envelope` for a batch of another revision, an empty one, one of more than
 *   `batchMessagesMax` messages, or one in which two requests share an id; nothing has been done then.
 * @see https://modelcontextprotocol.io/specification/2025-03-26/basic/transports
 */
export async function answerBatch(
  values: readonly unknown[],
  { version, whole, ...of }: { version: string; whole: Reply; response: ServerResponse; keepAlive: KeepAlive },
  answering: Answering,
): Promise<void> {
  if (version !== batchRevision) throw bad('batches are not part of this protocol, send one message a request')
  if (values.length === 0 || values.length > batchMessagesMax)
    throw bad(`a batch holds 1 to ${batchMessagesMax} messages`)
  const ids = values.flatMap((value) => (isObject(value) && 'method' in value && 'id' in value ? [value['id']] : []))
  if (new Set(ids).size !== ids.length) throw bad('two requests of a batch have the same id')
  // All of them may wait for the client at once.
  of.response.setMaxListeners(4 * batchMessagesMax)
  await Promise.all(values.map((value) => answerOne(value, new PartReply({ ...of, whole }), answering)))
  if (whole.begun) whole.end()
  else whole.accepted()
}

async function answerOne(value: unknown, reply: PartReply, { read, answer, onFailure }: Answering): Promise<void> {
  let seen: Pick<Envelope, 'era' | 'id'> | undefined
  try {
    const envelope = read(value, (known) => (seen = known))
    if (envelope.era !== 'legacy') throw bad('a batch holds messages of its own revision alone')
    if (envelope.method === 'initialize') throw bad('the handshake is no part of a batch')
    await answer(envelope, reply)
  } catch (error) {
    onFailure(error)
    reply.fault(seen, error)
  }
}

/** The answer to one message of a batch: what is said of it is an event of the stream that answers them all. */
class PartReply extends Reply {
  readonly #whole: Reply

  constructor(of: { response: ServerResponse; keepAlive: KeepAlive; whole: Reply }) {
    super(of.response, of.keepAlive, [])
    this.#whole = of.whole
  }

  override get begun(): boolean {
    return true
  }

  override get streams(): boolean {
    return true
  }

  override empty(): void {
    // No answer is one.
  }

  override json(_status: number, body: string | Uint8Array): void {
    this.breakOff()
    this.event(typeof body === 'string' ? body : Buffer.from(body).toString('utf8'))
  }

  override stream(): void {
    if (!this.#whole.begun) this.#whole.stream()
  }

  override event(message: string): void {
    this.stream()
    this.#whole.event(message)
  }

  protected override finish(): void {
    // It ends with all of them.
  }
}

function bad(why: string): Fault {
  return new Fault('gateway.bad_envelope', `cannot read the message: ${why}`)
}
