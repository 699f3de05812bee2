/** Where the answer of an authorization goes: to a host, to a program on this machine, or to a program by its own scheme. */
export type RedirectKind = 'web' | 'loopback' | 'private-use'

const host = /^(?:\[[\da-f:.]+\]|[\w-]+(?:\.[\w-]+)*)$/
const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]'])

// A scheme with a dot is a reversed domain name, which nobody else claims. Of those without, only the ones of known MCP
// clients: operating systems hand many others to handlers that run what the address says.
const clientSchemes = new Set([
  'antigravity',
  'claude',
  'codex',
  'cursor',
  'goose',
  'kiro',
  'lmstudio',
  'raycast',
  'trae',
  'vscode',
  'vscode-insiders',
  'vscodium',
  'warp',
  'windsurf',
  'zed',
])

/**
 * Judges a redirect URI that a client brings. Matching is by exact text later, so here it only has to be of a kind whose
 * receiver is known, and written so that every reader sees the same receiver.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8252#section-7
 * @see https://www.rfc-editor.org/rfc/rfc9700#section-2.1
 */
export function judgeRedirectUri(uri: unknown): { kind: RedirectKind } | { problem: string } {
  if (typeof uri !== 'string' || uri.length > 2_048) return { problem: 'must be a text of at most 2048 characters' }
  if (!/^[\x21-\x7e]+$/.test(uri) || /[\\"<>^`{|}]/.test(uri)) return { problem: 'must hold only characters of a URI' }
  const url = URL.parse(uri)
  if (url === null) return { problem: 'must be an absolute URI' }
  if (uri.includes('#')) return { problem: 'must have no fragment' }
  const scheme = url.protocol.slice(0, -1)
  if (scheme === 'https' || scheme === 'http') return judgeWeb(uri, url)
  if (!uri.toLowerCase().startsWith(`${scheme}:`)) return { problem: 'must be an absolute URI' }
  if (!/^[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+$/.test(scheme) && !clientSchemes.has(scheme)) {
    return { problem: `must not use the scheme \`${scheme}:\`; use https, loopback http, or a reversed domain name` }
  }
  return { kind: 'private-use' }
}

function judgeWeb(uri: string, url: URL): { kind: RedirectKind } | { problem: string } {
  const parts = /^https?:\/\/(?<authority>[^/?]*)(?<path>[^?]*)/i.exec(uri)
  const authority = parts?.groups?.['authority'] ?? ''
  // What the parser mends (`https:/host`, `HOST`, `127.1`, `0x7f.1`, a default port) another reader may mend otherwise.
  if (authority.replace(/:(?:443|80)$/, '') !== url.host.replace(/:(?:443|80)$/, '') || authority === '') {
    return { problem: `must have its host written as \`${url.host}\`` }
  }
  // Matched as it stands all the same: but a page that shows it, or who reads our records, may take it for more than one.
  if (!host.test(url.hostname)) return { problem: 'must have a host whose name holds letters, digits and hyphens' }
  if (/(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i.test(parts?.groups?.['path'] ?? ''))
    return { problem: 'must have no dot segments' }
  if (url.protocol === 'https:') return { kind: 'web' }
  if (loopbackHosts.has(url.hostname)) return { kind: 'loopback' }
  return { problem: 'must start with https, except on localhost, 127.0.0.1 and [::1]' }
}

/** What a page may say of the receiver: its host, or the scheme of its program. */
export function receiverOf(redirectUri: string): { kind: RedirectKind; name: string } {
  const url = new URL(redirectUri)
  if (url.protocol === 'https:') return { kind: 'web', name: url.host }
  if (url.protocol === 'http:') return { kind: 'loopback', name: url.host }
  return { kind: 'private-use', name: url.protocol }
}
