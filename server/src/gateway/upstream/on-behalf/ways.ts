import type { OnBehalf } from '../../../base/config.ts'
import { openAssertionWay } from './assertion.ts'
import { openIdJagWay } from './id-jag.ts'
import { openProviderWay } from './provider.ts'
import type { Way, WayParts } from './way.ts'

/** The way that the configuration says for an upstream. */
export function openWay(entry: OnBehalf, parts: WayParts): Way {
  if (entry.way === 'assertion') return openAssertionWay(entry, parts)
  return entry.way === 'provider' ? openProviderWay(entry, parts) : openIdJagWay(entry, parts)
}
