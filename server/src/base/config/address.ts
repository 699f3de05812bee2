/** True for the names and addresses of this machine itself, as they stand in a URL. */
export function isLoopbackHost(hostname: string): boolean {
  return (
    hostname === 'localhost' || hostname === '[::1]' || hostname === '::1' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
  )
}

/** What is wrong with a public origin, if anything. */
export function originProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'must be an address such as `https://gateway.example.com`'
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must start with `https://`'
  if (url.username || url.password || url.search || url.hash || url.pathname !== '/') {
    return `must be scheme, host and port only, such as \`${url.origin}\``
  }
  if (text !== url.origin) return `must be written \`${url.origin}\`: lower case, no slash at the end, no default port`
  if (url.hostname.endsWith('.')) return 'must have a host that does not end in a dot'
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    return 'must start with https: plain http is for loopback only (set `tls`, or put a proxy in front)'
  }
  return undefined
}

// Schemes that a browser runs or opens by itself; a private-use scheme such as `cursor:` belongs to a program.
const unsafeSchemes = /^(?:javascript|data|vbscript|file|blob|about|view-source|filesystem|wss?|ftp|mailto|tel|sms):$/

/** What is wrong with a redirect URI, if anything. */
export function redirectProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'must be an absolute address'
  const url = new URL(text)
  if (text.includes('#')) return 'must have no fragment'
  if (url.username || url.password) return 'must have no user name or password'
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) return 'must start with https, except on loopback'
  if (unsafeSchemes.test(url.protocol)) return `must not use the scheme \`${url.protocol}\``
  return undefined
}

/** What is wrong with the address of an API, if anything. */
export function serverProblem(text: string): string | undefined {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text))
    return 'must be an address such as `https://api.example.com/v1`'
  const url = new URL(text)
  return url.username || url.password || url.search || url.hash ? 'must have no user, query or fragment' : undefined
}
