import type { Door } from './base/listen.ts'
import type { Feed } from './store/feed.ts'

const reads: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * The same doors, whose writes answer the revision that they made, or a later one: demanded of a replica, it decides by no
 * older state. The rule holds for every address behind them, so that no handler thinks of it, and none can forget it.
 *
 * An answer that refuses nothing tells the newest revision when the policy state moved while it was made. What was only
 * read tells none: of reads only one that leads on may have written, as the end of a login does.
 *
 * @param proved Those of the doors that do nothing for who has not proved who he is: there whatever was done tells it,
 *   though it moved nothing, for it may repeat what was done before and not heard of. Elsewhere who asks may be anybody:
 *   he is told a number only where something was changed while his answer was made, by him as a rule. The number is no
 *   secret all the same: who holds his request back until somebody else has changed something is told it too, and who
 *   demands numbers finds the newest. It says how often anything was changed, and not what, by whom or about whom.
 * @see docs/guide/control-api.md
 */
export function tellingRevision(feed: Pick<Feed, 'revision'>, doors: readonly Door[], proved: readonly Door[]): Door[] {
  return doors.map((door) => ({
    ...door,
    handle(request, response, security) {
      const before = feed.revision
      const writes = !reads.has(request.method)
      const always = proved.includes(door)
      const writeHead = response.writeHead.bind(response) as (...given: unknown[]) => typeof response
      response.writeHead = (status: number, ...more: unknown[]) => {
        const { revision } = feed
        const moved = revision > before
        // A form of who is not signed in leads on too, and did nothing.
        const tells = status < 300 ? writes && (always || moved) : status < 400 && moved
        if (tells) response.setHeader('sallyport-revision', String(revision))
        return writeHead(status, ...more)
      }
      return door.handle(request, response, security)
    },
  }))
}
