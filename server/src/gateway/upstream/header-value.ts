// How values travel in headers that mirror the body.

export const visible = /^[\t\x20-\x7e]+$/

/** @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http value encoding */
export function encodeHeaderValue(value: string): string {
  const plain =
    visible.test(value) && value === value.trim() && !(value.startsWith('=?base64?') && value.endsWith('?='))
  return plain ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`
}

/** A value outside visible ASCII travels as `=?base64?…?=`; what it decodes to is not decoded again. */
export function decodeHeader(value: string): string | undefined {
  const match = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/.exec(value)
  if (match === null) return value
  const bytes = Buffer.from(match[1]!, 'base64')
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined
}
