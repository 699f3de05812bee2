import type { Door } from './base/listen.ts'
import type { Feed } from './store/feed.ts'

const reads: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * The same door, whose writes answer the revision that they made, or a later one: demanded of a replica, it decides by no
 * older state.
 *
 * @param when `always`: with every write that is not refused. `moved`: only with one during which the policy state moved,
 *   where who asks may be anybody: he hears of his own changes, and cannot count those of others.
 * @see docs/guide/control-api.md
 */
export function tellingRevision(feed: Pick<Feed, 'revision'>, when: 'always' | 'moved', door: Door): Door {
  return {
    ...door,
    handle(request, response, security) {
      if (reads.has(request.method)) return door.handle(request, response, security)
      const before = feed.revision
      const writeHead = response.writeHead.bind(response) as (...given: unknown[]) => typeof response
      response.writeHead = (status: number, ...more: unknown[]) => {
        const { revision } = feed
        if (status < 400 && (when === 'always' || revision > before)) {
          response.setHeader('sallyport-revision', String(revision))
        }
        return writeHead(status, ...more)
      }
      return door.handle(request, response, security)
    },
  }
}
