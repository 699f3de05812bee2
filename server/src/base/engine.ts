import { setFlagsFromString } from 'node:v8'

/**
 * Sets the JavaScript engine of this process up for calls that come and go: to be called once, before anything is served.
 *
 * The engine watches which objects outlive their first collection, and makes those of the same kind among the old ones from
 * then on. While calls overlap with a collection it takes what belongs to a call for such: then each dead call, down to its
 * last byte, is kept alive by what it left among the old ones, and is copied twice before it goes
 * (docs/decisions/0024-dead-calls.md).
 */
export function settleEngine(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}
