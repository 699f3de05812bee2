import { Fault } from '../fault.ts'
import { targetBytesMax } from '../limits.ts'

/**
 * The path of a request target exactly as it was sent, once it is sure that nobody behind us could read it otherwise: no
 * second slash, no dot segments, no encoded separators, no backslash, no fragment, no absolute form.
 */
export function rawPathOf(target: string): string {
  if (target.length > targetBytesMax) throw new Fault('base.too_large', 'the address is too long', { status: 414 })
  const query = target.indexOf('?')
  const path = query < 0 ? target : target.slice(0, query)
  const plain = /^\/(?:[\w\-.~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/.test(path)
  const twisted = /\/\/|\/\.{1,2}(?:\/|$)|%(?:2[eEfF]|5[cC]|[01][0-9A-Fa-f]|7[fF])/.test(path)
  if (!plain || twisted || !/^[\x21-\x7e]*$/.test(target) || target.includes('#')) {
    throw new Fault('base.bad_request', 'cannot read this address', { detail: JSON.stringify(target.slice(0, 200)) })
  }
  return path
}
