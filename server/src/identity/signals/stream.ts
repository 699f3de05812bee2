import type { FetchDocument } from '../../base/document.ts'
import type { TransmitterConfig } from '../../base/config.ts'
import { issuerKeys } from '../../base/issuer-keys.ts'
import { Refused } from './refused.ts'
import { readSet } from './set.ts'
import { takeEvents, type TakingParts } from './take.ts'

/** The events of one transmitter, however they come. */
export interface Stream {
  readonly config: TransmitterConfig
  /**
   * Verifies and takes one token.
   *
   * @param id The `jti` that it came under, where it came under one.
   * @returns false if it was taken before.
   * @throws {Refused} if it is not taken, and never will be.
   * @throws {Fault} if that cannot be said now, or is not confirmed: it must come again.
   */
  take(token: string, id?: string): Promise<boolean>
}

export function openStream(parts: TakingParts & { fetch: FetchDocument }, config: TransmitterConfig): Stream {
  const { clock, fetch } = parts
  const keys = issuerKeys({ jwksUri: config.jwksUri, fetch, clock })
  return {
    config,
    async take(token, id) {
      const said = await readSet(token, { transmitter: config, keys, clock })
      if (id !== undefined && id !== said.jti) throw new Refused('invalid_request', 'it came under another `jti`')
      return takeEvents(parts, { transmitter: config, said })
    },
  }
}
