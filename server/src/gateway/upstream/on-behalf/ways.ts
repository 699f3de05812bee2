import type { OnBehalf } from '../../../base/config.ts'
import { openAssertionWay } from './assertion.ts'
import { openIdJagWay } from './id-jag.ts'
import { openProviderWay } from './provider.ts'
import type { Way, WayParts } from './way.ts'

/** The way that the configuration says for an upstream; none where each person connects it. */
export function openWay(entry: OnBehalf, parts: WayParts): Way | undefined {
  if (entry.way === 'connection') return undefined
  if (entry.way === 'assertion') return openAssertionWay(entry, parts)
  return entry.way === 'provider' ? openProviderWay(entry, parts) : openIdJagWay(entry, parts)
}
