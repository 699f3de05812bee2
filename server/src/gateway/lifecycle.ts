import type { PinnedCatalogue } from '../inventory/catalogue.ts'
import { revisions, type Envelope } from './envelope.ts'

// Tools are what is governed so far; what is not governed is not offered.
const capabilities = { tools: { listChanged: true } }

/**
 * Answers the handshake of the legacy eras. We keep no session: each request proves itself by its token, and any replica
 * can serve it.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
 */
export function answerInitialize(envelope: Envelope, catalogue: PinnedCatalogue): Record<string, unknown> {
  const asked = envelope.params['protocolVersion']
  const known = typeof asked === 'string' && revisions.legacy.includes(asked)
  return { protocolVersion: known ? asked : revisions.legacy[0], capabilities, serverInfo: serverInfo(catalogue) }
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
