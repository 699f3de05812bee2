import { Fault } from '../../base/fault.ts'
import { replyBytesMax } from './upstream-kind.ts'

export interface ServerEvent {
  event: string
  data: string
  /** Its number, and how long to wait before asking for what comes after it: only where the upstream gives them. */
  id?: string
  retry?: number
}

// It goes back to the upstream in a header.
const eventId = /^[\x21-\x7e]{1,1024}$/

/**
 * Reads a `text/event-stream`: any of the three line ends, split anywhere, comments and unknown fields skipped.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export async function* readEvents(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number = replyBytesMax,
): AsyncGenerator<ServerEvent> {
  // Not fatal: what is not UTF-8 becomes U+FFFD, as the standard says.
  const decoder = new TextDecoder('utf-8')
  let partial: string[] = []
  let afterReturn = false
  let event = ''
  let data: string[] = []
  let more: { id?: string; retry?: number } = {}
  let size = 0
  let partialSize = 0
  for await (const chunk of chunks) {
    let text = decoder.decode(chunk, { stream: true })
    // A CR ends its line at once; the LF that may follow it in the next chunk ends nothing.
    if (afterReturn && text.startsWith('\n')) text = text.slice(1)
    if (text !== '') afterReturn = text.endsWith('\r')
    const lines = text.split(/\r\n|\n|\r/)
    partial.push(lines[0]!)
    partialSize += lines[0]!.length
    for (let next = 1; next < lines.length; next++) {
      const line = partial.join('')
      size += partialSize
      if (size > bytesMax) throw tooLarge(bytesMax)
      partial = [lines[next]!]
      partialSize = lines[next]!.length
      if (line === '') {
        // One without data tells nothing but where the stream is.
        if (data.length > 0 || more.id !== undefined || more.retry !== undefined)
          yield { event, data: data.join('\n'), ...more }
        event = ''
        data = []
        more = {}
        size = 0
        continue
      }
      const [field, value] = splitField(line)
      if (field === 'data') data.push(value)
      else if (field === 'event') event = value
      else if (field === 'id' && eventId.test(value)) more.id = value
      else if (field === 'retry' && /^\d{1,9}$/.test(value)) more.retry = Number(value)
    }
    if (size + partialSize > bytesMax) throw tooLarge(bytesMax)
  }
  // What stands after the last empty line is an event that was cut off: the standard drops it.
}

/** Encodes one message as an event. Whatever line ends the text has, it cannot become a second event. */
export function encodeEvent(text: string): string {
  const lines = text.split(/\r\n|\n|\r/).map((line) => `data: ${line}\n`)
  return `event: message\n${lines.join('')}\n`
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(':')
  if (colon < 0) return [line, '']
  const value = line.slice(colon + 1)
  return [line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value]
}

function tooLarge(bytesMax: number): Fault {
  return new Fault('gateway.upstream_bad_reply', 'cannot pass on the answer: an event is too large', {
    detail: `more than ${bytesMax} bytes in one event`,
  })
}
