import { jwtVerify, type JWTVerifyGetKey, type JWTVerifyOptions, type JWTVerifyResult } from 'jose'
import type { Clock } from './clock.ts'

/**
 * Verifies a signed token by the time of the house: signature, and what `rules` demand of header and claims.
 *
 * Promise: `exp` and `nbf` are never judged by the clock of this machine, which may be wrong.
 *
 * @param rules Those of `jose`, and the clock.
 * @throws what `jwtVerify` of `jose` throws, and what `keys` throws.
 * @see https://www.rfc-editor.org/rfc/rfc7519#section-7.2
 */
export function verifyJwt(
  token: string,
  keys: JWTVerifyGetKey,
  { clock, ...rules }: Omit<JWTVerifyOptions, 'currentDate'> & { clock: Pick<Clock, 'now'> },
): Promise<JWTVerifyResult> {
  return jwtVerify(token, keys, { ...rules, currentDate: new Date(clock.now()) })
}
