import type { IncomingMessage } from 'node:http'
import { Fault } from '../base/fault.ts'
import { readBody } from '../base/listen.ts'

/** Whether a form carries files. */
export function isUpload(req: IncomingMessage): boolean {
  return /^multipart\/form-data\s*;/i.test(req.headers['content-type'] ?? '')
}

/**
 * Reads a form that carries files, each as the text that is in it; a field in which no file was chosen is empty.
 *
 * @throws {Fault} `control.bad_input`, `base.too_large`
 * @see https://www.rfc-editor.org/rfc/rfc7578
 */
export async function readUpload(req: IncomingMessage, bytesMax: number): Promise<URLSearchParams> {
  const type = req.headers['content-type']!
  const body = await readBody(req, bytesMax).catch(async (error: unknown) => {
    await drain(req, bytesMax * 4)
    throw error instanceof Fault && error.code === 'base.too_large' ? tooLarge(bytesMax) : error
  })
  const fields = new URLSearchParams()
  for (const [name, value] of await partsOf(body, type)) {
    fields.append(name, typeof value === 'string' ? value : readText(await value.arrayBuffer()))
  }
  return fields
}

async function partsOf(body: Uint8Array, type: string): Promise<FormData> {
  try {
    return await new Response(Buffer.from(body), { headers: { 'content-type': type } }).formData()
  } catch (cause) {
    throw new Fault('control.bad_input', 'cannot read this form: its parts cannot be told apart', { cause })
  }
}

function readText(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new Fault('control.bad_input', 'cannot read this file: it is no text in UTF-8', { cause })
  }
}

function tooLarge(bytesMax: number): Fault {
  return new Fault('base.too_large', `cannot take a file of more than ${Math.floor(bytesMax / 1024 / 1024)} MiB`)
}

// A browser that still sends hears no answer: what is a little too large is received, and forgotten.
async function drain(req: IncomingMessage, bytesMax: number): Promise<void> {
  let left = bytesMax
  req.removeAllListeners('data')
  await new Promise<void>((resolve) => {
    req.on('data', (chunk: Buffer) => {
      left -= chunk.byteLength
      if (left < 0) resolve()
    })
    for (const end of ['end', 'close', 'error']) req.once(end, () => resolve())
    if (req.complete || req.destroyed) resolve()
    req.resume()
  })
  if (left < 0) req.pause()
}
