// How values travel in headers that mirror the body.

export const visible = /^[\t\x20-\x7e]+$/

/** @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http value encoding */
export function encodeHeaderValue(value: string): string {
  const plain =
    visible.test(value) && value === value.trim() && !(value.startsWith('=?base64?') && value.endsWith('?='))
  return plain ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`
}

/**
 * A value outside visible ASCII travels as `=?base64?…?=`; what it decodes to is not decoded again. What has this form and
 * is no base64 of UTF-8, with its padding, has no meaning at all.
 */
export function decodeHeader(value: string): string | undefined {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(value)?.[1]
  if (encoded === undefined) return value
  const bytes = Buffer.from(encoded, 'base64')
  const text = bytes.toString('utf8')
  return bytes.toString('base64') === encoded && Buffer.from(text, 'utf8').equals(bytes) ? text : undefined
}
