import type { PinnedCatalogue } from '../inventory/catalogue.ts'
import { revisions, type Envelope } from './envelope.ts'

// Tools are what is governed so far; what is not governed is not offered.
const capabilities = { tools: { listChanged: true } }

/** The revision that a legacy client gets: the one that it asks for, or the newest. */
export function negotiate({ params }: Envelope): string {
  const asked = params['protocolVersion']
  return typeof asked === 'string' && revisions.legacy.includes(asked) ? asked : revisions.legacy[0]!
}

/**
 * Answers the handshake of the legacy eras. The session that it begins is carried by the client: any replica can serve it.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
 */
export function answerInitialize(envelope: Envelope, catalogue: PinnedCatalogue): Record<string, unknown> {
  return { protocolVersion: negotiate(envelope), capabilities, serverInfo: serverInfo(catalogue) }
}

/**
 * Answers the discovery of the modern era.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/server/discover
 */
export function answerDiscover(catalogue: PinnedCatalogue): Record<string, unknown> {
  return {
    supportedVersions: [...revisions.modern, ...revisions.legacy],
    capabilities,
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo(catalogue) },
  }
}

function serverInfo({ upstream }: PinnedCatalogue): { name: string; version: string } {
  return { name: upstream.name, version: upstream.learnt?.serverVersion ?? 'unknown' }
}
