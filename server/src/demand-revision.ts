import { Fault } from './base/fault.ts'
import type { Door } from './base/listen.ts'
import type { Feed } from './store/feed.ts'

/**
 * The same doors, at each of which a request may demand a revision that a write has answered (`Sallyport-Revision`): the
 * door sees it only when this replica has heard of that state or a later one, so nothing is decided by an older one. The
 * rule holds for every address behind them, before anything else is read of the request.
 *
 * A request that demands something else is answered `base.bad_request`; one that demands what this replica cannot hear of,
 * or what no write has answered yet, `base.busy`.
 *
 * @see docs/guide/control-api.md
 */
export function heedingRevision(feed: Pick<Feed, 'revision' | 'catchUp'>, doors: readonly Door[]): Door[] {
  return doors.map((door) => ({
    ...door,
    handle(request, response, security) {
      const wanted = request.headers['sallyport-revision']
      if (wanted === undefined) return door.handle(request, response, security)
      return hear(feed, wanted).then(() => door.handle(request, response, security))
    },
  }))
}

/** Who asks hears within this time that nothing can be decided, whatever the store is waiting for. */
const hearMsMax = 2_000

async function inTime(hearing: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(() => late.resolve(), hearMsMax)
  await Promise.race([hearing, late.promise]).finally(() => clearTimeout(timer))
}

async function hear(feed: Pick<Feed, 'revision' | 'catchUp'>, wanted: string | string[]): Promise<void> {
  if (typeof wanted !== 'string' || !/^\d{1,15}$/.test(wanted)) {
    throw new Fault('base.bad_request', 'the header `Sallyport-Revision` must be the number that a change answered')
  }
  const revision = Number(wanted)
  if (feed.revision < revision) await inTime(feed.catchUp()).catch(() => undefined)
  if (feed.revision >= revision) return
  throw new Fault('base.busy', `cannot decide by revision ${revision}: this replica has not heard of it yet`)
}
