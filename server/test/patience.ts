import { setTimeout as sleep } from 'node:timers/promises'

// Long enough for a machine that is loaded with ten times its work; a test that waits this long has failed.
const usualMs = 60_000

/** Waits until something is so that nobody tells of; fails with what was waited for. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string,
  patienceMs: number = usualMs,
): Promise<void> {
  const end = performance.now() + patienceMs
  while (!(await inTime(Promise.resolve(isSo()), what, patienceMs))) {
    if (performance.now() > end) throw inVain(what, patienceMs)
    await sleep(5)
  }
}

/** What comes of this work; fails with what was waited for when nothing does. */
export async function inTime<T>(work: Promise<T>, what: string, patienceMs: number = usualMs): Promise<T> {
  const stop = new AbortController()
  const late = sleep(patienceMs, undefined, { signal: stop.signal }).then(() => {
    throw inVain(what, patienceMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    stop.abort()
    late.catch(() => undefined)
  }
}

function inVain(what: string, patienceMs: number): Error {
  return new Error(`waited ${patienceMs / 1_000} s in vain until ${what}`)
}
