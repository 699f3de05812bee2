import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Store } from '../../store/store.ts'
import type { OnLeave } from '../groups.ts'
import type { OnDisable } from '../principals.ts'
import type { IdentityLedger } from '../records.ts'

/** What provisioning stands on. */
export interface ScimParts {
  store: Store
  ledger: IdentityLedger
  clock: Clock
  log: Log
  /** The public origin. */
  origin: string
  onDisable: OnDisable[]
  onLeave: OnLeave[]
}

/** Rolls a transaction back because another request was faster; it is done again with what stands now. */
export class Overtaken extends Error {}

const attemptsMax = 50

/** Does a step again while others are faster. Of any number at once one is done in each round, so all come to an end. */
export async function untilNotOvertaken<T>(step: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await step()
    } catch (error) {
      if (!(error instanceof Overtaken) || attempt === attemptsMax) throw error
    }
  }
}

/** The versions that a request is willing to change; undefined for all. */
export type IfMatch = readonly string[] | undefined

/** The ETag of a version. @see https://www.rfc-editor.org/rfc/rfc7644#section-3.14 */
export function etagOf({ version }: { version: number }): string {
  return `W/"${version}"`
}

/** Reads `If-Match` and `If-None-Match`: tags, compared weakly. */
export function readTags(header: string | undefined): IfMatch {
  if (header === undefined) return undefined
  return header.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
}

export function isMatch(tags: readonly string[], { version }: { version: number }): boolean {
  return tags.includes('*') || tags.includes(`"${version}"`)
}
