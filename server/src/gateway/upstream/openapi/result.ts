import { isObject } from '../../../base/json.ts'
import { refused } from '../answer.ts'
import type { HttpAnswer } from '../http-exchange.ts'

// What an API answered, as the result of a tool call. JSON passes as it was written, digit for digit.

export const answerBytesMax = 4 * 1024 * 1024

/** @returns the JSON text of the members of a tool result. */
export async function resultOf(upstream: string, place: string, answer: HttpAnswer): Promise<string> {
  if (answer.status === 401 || answer.status === 407) {
    answer.finish()
    throw refused(upstream, `status ${answer.status}`)
  }
  const failed = answer.status < 200 || answer.status >= 300
  const bytes = await readWhole(answer)
  if (bytes === undefined) {
    return textResult(`The call was made (status ${answer.status}); its answer is too large to be passed on.`, true)
  }
  if (answer.status >= 300 && answer.status < 400)
    return textResult(`status ${answer.status}: it leads elsewhere, and redirects are not followed`, true)
  if (bytes.byteLength === 0) return textResult(`status ${answer.status}`, failed)
  if (/^application\/(?:[\w.+-]+\+)?json$/.test(answer.mediaType)) return jsonResult(bytes, answer.status)
  const text = textual.test(answer.mediaType) ? textIn(bytes) : undefined
  if (text !== undefined) return textResult(failed ? `status ${answer.status}: ${text}` : text, failed)
  return `"content":[${JSON.stringify(blob(place, answer.mediaType, bytes))}]${failed ? ',"isError":true' : ''}`
}

export function textResult(text: string, isError: boolean): string {
  return `"content":[{"type":"text","text":${JSON.stringify(text)}}]${isError ? ',"isError":true' : ''}`
}

const textual =
  /^(?:text\/|application\/(?:xml|yaml|x-yaml|javascript|x-ndjson|csv)$|application\/[\w.+-]+\+(?:xml|yaml)$|$)/

function jsonResult(bytes: Buffer, status: number): string {
  const failed = status < 200 || status >= 300
  const text = textIn(bytes)
  if (text === undefined) return textResult(`status ${status}, and an answer that is no text`, true)
  const shown = failed ? `status ${status}: ${text}` : text
  const whole = textResult(shown, failed)
  // What JSON readers do not agree on passes as text alone.
  const value = tryRead(text)
  if (failed || value === undefined) return whole
  return `${whole},"structuredContent":${isObject(value) ? text : `{"result":${text}}`}`
}

function tryRead(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function textIn(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function blob(place: string, mediaType: string, bytes: Buffer): Record<string, unknown> {
  const mimeType = mediaType === '' ? 'application/octet-stream' : mediaType.slice(0, 200)
  const data = bytes.toString('base64')
  if (mimeType.startsWith('image/')) return { type: 'image', data, mimeType }
  if (mimeType.startsWith('audio/')) return { type: 'audio', data, mimeType }
  return { type: 'resource', resource: { uri: place, mimeType, blob: data } }
}

async function readWhole(answer: HttpAnswer): Promise<Buffer | undefined> {
  const parts: Buffer[] = []
  let size = 0
  for await (const chunk of answer.chunks) {
    size += chunk.byteLength
    if (size > answerBytesMax) return undefined
    parts.push(chunk)
  }
  return Buffer.concat(parts, size)
}
