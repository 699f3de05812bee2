import type { Dialer } from './dial.ts'

/**
 * One fetch of a small document, through the egress guard: no redirects, special-use addresses refused before connecting.
 * `conditions`: headers by which a copy is asked for again.
 */
export type FetchDocument = (
  url: string,
  limits: { bytesMax: number; timeoutMs: number; conditions?: Record<string, string> },
) => Promise<{ status: number; headers: { get(name: string): string | null }; body: Uint8Array }>

/** Reads documents through the dialler, which guards where the connection goes and bounds what comes back. */
export function readDocument(dialer: Pick<Dialer, 'fetch'>): FetchDocument {
  return async (url, { conditions, ...caps }) => {
    const response = await dialer.fetch(url, { headers: { accept: 'application/json', ...conditions } }, caps)
    return {
      status: response.status,
      headers: response.headers,
      body: new Uint8Array(await response.arrayBuffer()),
    }
  }
}
