import type { Dialer } from '../../base/dial.ts'
import type { FetchDocument } from './metadata-document.ts'

/** Reads documents through the dialler, which guards where the connection goes and bounds what comes back. */
export function readDocument(dialer: Pick<Dialer, 'fetch'>): FetchDocument {
  return async (url, caps) => {
    const response = await dialer.fetch(url, { headers: { accept: 'application/json' } }, caps)
    return {
      status: response.status,
      headers: response.headers,
      body: new Uint8Array(await response.arrayBuffer()),
    }
  }
}
