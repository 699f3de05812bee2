const absolute = /^https?:\/\/[^/?#@]+(?:[/?#]|$)/i
const unreserved = /^[\w.~-]$/

/**
 * The one spelling of an `http` or `https` address, without query and fragment: case of scheme and host, the default port,
 * dot segments and needless percent-encoding make no difference.
 *
 * @returns `undefined` if it is no such address.
 * @see https://www.rfc-editor.org/rfc/rfc3986#section-6.2
 */
export function normalUri(text: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(text) || /[\\"<>^`{|}]/.test(text) || !absolute.test(text)) return undefined
  // Before the parser, for which an encoded dot is a dot.
  const url = URL.parse(text.replace(/[?#].*$/s, '').replaceAll(/%[0-9a-f]{2}/gi, decoded))
  return url === null ? undefined : url.origin + url.pathname
}

function decoded(triplet: string): string {
  const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
  return unreserved.test(character) ? character : triplet.toUpperCase()
}
