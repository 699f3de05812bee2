import type { Caching } from '../../store/clients.ts'

/** What the headers of an answer say of its copy, within our bounds. */
export interface Freshness {
  /** For how long the copy may be used without asking. */
  freshForSeconds: number
  caching: Caching
}

interface Headers {
  get(name: string): string | null
}

/**
 * Copies that are used for less than the floor would make a fetch of each request; those used for longer than the ceiling
 * would keep what their host has taken back.
 */
export const freshSeconds = { min: 60, usual: 300, max: 86_400 }
/** A document whose host is down is believed for this long at the most, so that its outage does not become ours. */
export const staleSecondsMax = 7 * 86_400

/**
 * Reads how long an answer may be kept: by `Cache-Control` and `Age`, else by `Expires`, else as usual.
 *
 * What may not be stored, or not be used without asking, is used for the floor and never instead of a silent host: whoever
 * reads such documents may set bounds of his own to what HTTP says, a lower one too.
 *
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-oauth-client-id-metadata-document-00, "Metadata Caching"
 * @see https://www.rfc-editor.org/rfc/rfc9111#section-4.2
 * @see https://www.rfc-editor.org/rfc/rfc5861#section-4
 */
export function readFreshness(headers: Headers): Freshness {
  const directives = readDirectives(headers.get('cache-control'))
  const restless = directives.has('no-store') || directives.has('no-cache')
  const seconds = restless ? 0 : (secondsOf(directives.get('max-age')) ?? untilExpiry(headers) ?? freshSeconds.usual)
  const old = secondsOf(headers.get('age')?.trim()) ?? 0
  const strict = restless || directives.has('must-revalidate')
  const [etag, lastModified] = [validator(headers.get('etag')), validator(headers.get('last-modified'))]
  return {
    freshForSeconds: Math.min(freshSeconds.max, Math.max(freshSeconds.min, seconds - old)),
    caching: {
      ...(etag !== undefined && { etag }),
      ...(lastModified !== undefined && { lastModified }),
      staleForSeconds: strict
        ? 0
        : Math.min(staleSecondsMax, secondsOf(directives.get('stale-if-error')) ?? staleSecondsMax),
    },
  }
}

/** The headers by which a copy is asked for again. */
export function conditionsOf(caching: Caching | undefined): Record<string, string> {
  if (caching?.etag !== undefined) return { 'if-none-match': caching.etag }
  return caching?.lastModified === undefined ? {} : { 'if-modified-since': caching.lastModified }
}

function readDirectives(text: string | null): Map<string, string> {
  const directives = new Map<string, string>()
  for (const part of (text ?? '').slice(0, 1_000).split(',')) {
    const [name = '', value = ''] = part.split('=', 2)
    const key = name.trim().toLowerCase()
    // Of two that differ neither is to be trusted; the first is as good.
    if (!directives.has(key)) directives.set(key, value.trim().replace(/^"|"$/g, ''))
  }
  return directives
}

function secondsOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

// By the clock of the host alone: ours may be another.
function untilExpiry(headers: Headers): number | undefined {
  const expires = headers.get('expires')
  if (expires === null) return undefined
  const seconds = (Date.parse(expires) - Date.parse(headers.get('date') ?? '')) / 1_000
  return Number.isNaN(seconds) ? 0 : Math.floor(seconds)
}

function validator(text: string | null): string | undefined {
  return text !== null && /^[\x21-\x7e\x20]{1,256}$/.test(text) ? text : undefined
}
