import type { FetchDocument } from './metadata-document.ts'

/** Reads documents through the dialer, which guards where the connection goes; here only size and time are bounded. */
export function readDocument(dialer: { fetch(url: string, options: RequestInit): Promise<Response> }): FetchDocument {
  return async (url, { bytesMax, timeoutMs }) => {
    const response = await dialer.fetch(url, {
      method: 'GET',
      headers: { accept: 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength
      if (size > bytesMax) {
        throw new RangeError(`more than ${bytesMax} bytes`)
      }
      chunks.push(chunk)
    }
    return { status: response.status, headers: response.headers, body: Buffer.concat(chunks) }
  }
}
