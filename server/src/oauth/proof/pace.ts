import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/fault.ts'

/**
 * Opens a limit for each key, counted in this process: so many in a window, and of so many keys at once. Who comes with more
 * keys makes it forget the oldest.
 *
 * @returns what throws `oauth.too_many` when the limit of a key is spent.
 */
export function openPace(
  clock: Pick<Clock, 'monotonic'>,
  limit: { most: number; ms: number; keysMax: number },
): (key: string) => void {
  const windows = new Map<string, { taken: number; endsAt: number }>()
  return (key) => {
    const now = clock.monotonic()
    let window = windows.get(key)
    if (window === undefined || window.endsAt <= now) {
      windows.delete(key)
      if (windows.size >= limit.keysMax) windows.delete(windows.keys().next().value!)
      window = { taken: 0, endsAt: now + limit.ms }
      windows.set(key, window)
    }
    window.taken += 1
    if (window.taken <= limit.most) return
    const seconds = Math.ceil((window.endsAt - now) / 1_000)
    throw new Fault('oauth.too_many', `too many requests with one key: try again in ${seconds} seconds`, {
      data: { retryAfterSeconds: seconds },
    })
  }
}
