import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Client } from '../../model/rights.ts'
import { publisherOf } from '../../oauth/publisher.ts'
import { stateBadge } from './elements.ts'

/** How a client came to be known. */
export const sources: Record<Client['source'], string> = {
  'metadata-document': 'metadata document',
  registration: 'registered itself',
  configuration: 'configuration',
}

/** The page of a client. Its id may be an address, which cannot stand in a path. */
export function clientHref(id: string): string {
  return `/clients/client?id=${encodeURIComponent(id)}`
}

/** Where a client stands, in a word: one that may be used is admitted when somebody owns it. */
export function clientBadge({ state, source, ownerId }: Client): Html {
  if (state !== 'active') return stateBadge(state)
  return ownerId !== undefined || source === 'configuration'
    ? stateBadge('admitted')
    : html`<span class="badge">not reviewed</span>`
}

/** Who stands behind a client, as far as anything proves it. */
export function publisherText(client: Client): Html {
  const host = publisherOf(client)
  if (host !== undefined) return html`${visible(host)}`
  return html`<span class="muted">${client.source === 'configuration' ? 'your configuration' : 'nobody checked'}</span>`
}
