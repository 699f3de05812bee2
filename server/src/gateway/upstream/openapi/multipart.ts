import { createHash } from 'node:crypto'
import { canonicalJson, isObject } from '../../../base/json.ts'
import { bodyBytesMax } from '../../../base/limits.ts'
import type { Part } from './part.ts'
import { CannotWrite, plain } from './write.ts'

// A `multipart/form-data` body, written here because what encoders of others write differs each time: the same arguments
// are the same bytes. The boundary is a digest of all that it separates, which nothing can hold that was there before it.

/** @see https://www.rfc-editor.org/rfc/rfc7578 */
export function writeMultipart(
  argument: string,
  value: unknown,
  parts: ReadonlyMap<string, Part>,
): { mediaType: string; body: Buffer } {
  if (!isObject(value)) throw new CannotWrite(`\`${argument}\` must be an object: each member is a part`)
  const odd = Object.keys(value).find((name) => !parts.has(name))
  if (odd !== undefined) throw new CannotWrite(`\`${argument}\` has a part that it cannot have`)
  const written: Buffer[][] = []
  let bytes = 0
  for (const one of piecesOf(argument, value, parts)) {
    const head = Buffer.from(`${one.head.join('\r\n')}\r\n\r\n`)
    bytes += head.byteLength + one.content.byteLength + 100
    if (bytes > bodyBytesMax) throw new CannotWrite(`\`${argument}\` is too large`)
    written.push([head, one.content, lineEnd])
  }
  const hash = createHash('sha256')
  for (const piece of written.flat()) hash.update(piece)
  const boundary = `part-${hash.digest('hex')}`
  const body = Buffer.concat([
    ...written.flatMap((pieces) => [Buffer.from(`--${boundary}\r\n`), ...pieces]),
    Buffer.from(`--${boundary}--\r\n`),
  ])
  return { mediaType: `multipart/form-data; boundary=${boundary}`, body }
}

const lineEnd = Buffer.from('\r\n')

interface Piece {
  head: string[]
  content: Buffer
}

// In the order of the document.
function* piecesOf(
  argument: string,
  value: Record<string, unknown>,
  parts: ReadonlyMap<string, Part>,
): Generator<Piece> {
  for (const [name, part] of parts) {
    const given = Object.hasOwn(value, name) ? value[name] : undefined
    const where = `${argument}.${name}`
    if (given === undefined || given === null) {
      if (part.required) throw new CannotWrite(`\`${where}\` is missing`)
      continue
    }
    const items: unknown[] = part.list && Array.isArray(given) ? given : [given]
    for (const item of items)
      yield part.file ? fileOf({ where, name, part }, item) : fieldOf({ where, name, part }, item)
  }
}

interface Place {
  /** As the caller is told. */
  where: string
  name: string
  part: Part
}

function fieldOf({ where, name, part }: Place, item: unknown): Piece {
  const said = part.mediaTypes[0]
  const json = typeof item === 'object' || (said !== undefined && /^application\/(?:[\w.+-]+\+)?json\b/i.test(said))
  const mediaType = said ?? (json ? 'application/json' : undefined)
  const content = Buffer.from(json ? canonicalJson(item) : plain(where, item))
  return { head: headOf(`name="${name}"`, mediaType), content }
}

const filenameBytesMax = 255
/* oxlint-disable-next-line no-control-regex -- control characters are what is looked for */
const noFilename = /["\\/\u0000-\u001f\u007f]|^\.{0,2}$|%[0-9a-f]{2}/i

function fileOf({ where, name, part }: Place, item: unknown): Piece {
  if (!isObject(item)) throw new CannotWrite(`\`${where}\` must be an object with \`text\` or \`base64\`: it is a file`)
  const { filename = 'file', text, base64, type, ...others } = item
  if (Object.keys(others).length > 0) throw new CannotWrite(`\`${where}\` has a member that a file has not`)
  if (typeof filename !== 'string' || !filename.isWellFormed() || noFilename.test(filename))
    throw new CannotWrite(`\`${where}.filename\` cannot be the name of a file`)
  if (Buffer.byteLength(filename) > filenameBytesMax) throw new CannotWrite(`\`${where}.filename\` is too long`)
  if ((text === undefined) === (base64 === undefined))
    throw new CannotWrite(`\`${where}\` must have either \`text\` or \`base64\``)
  if (type !== undefined && !(typeof type === 'string' && part.mediaTypes.includes(type)))
    throw new CannotWrite(`\`${where}.type\` is none of those that it may be`)
  const usual = text === undefined ? 'application/octet-stream' : 'text/plain; charset=utf-8'
  const mediaType = type ?? part.mediaTypes[0] ?? usual
  const content = text === undefined ? bytesOf(`${where}.base64`, base64) : Buffer.from(plain(`${where}.text`, text))
  return { head: headOf(`name="${name}"; filename="${filename}"`, mediaType), content }
}

function headOf(disposition: string, mediaType: string | undefined): string[] {
  const first = `Content-Disposition: form-data; ${disposition}`
  return mediaType === undefined ? [first] : [first, `Content-Type: ${mediaType}`]
}

/** Base64 in its one spelling, so that what was read and what is sent are the same. */
export function bytesOf(where: string, value: unknown): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : undefined
  if (bytes === undefined || bytes.toString('base64') !== value) throw new CannotWrite(`\`${where}\` is not base64`)
  return bytes
}
