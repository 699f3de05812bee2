import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, cpSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { inTime } from '../patience.ts'

/** A disk that can be filled to the last byte. */
export interface SmallDisk {
  /** The folder where it is mounted, seen by processes that enter. */
  readonly folder: string
  /** The command that runs another where the disk is mounted. */
  enter(command: string[]): string[]
  fill(): void
  /** Gives back what `fill` took. */
  free(): void
  /** Copies all that is on it to a folder that everybody sees. */
  copyTo(folder: string): void
}

/** Whether this system lets an unprivileged process mount something for itself. */
export function canMount(): boolean {
  return spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0
}

const mount = 'mount -t tmpfs -o size="$1" none "$2" && cp -a "$3/." "$2/" && echo mounted && exec sleep 1000'

/**
 * Mounts a disk of memory in a namespace of its own: nobody else sees it, and nothing is left of it when its keeper ends
 * with the test.
 *
 * @param content A folder whose files are on it from the beginning.
 */
export async function openSmallDisk(
  t: TestContext,
  { folder, content, size }: { folder: string; content: string; size: string },
): Promise<SmallDisk> {
  mkdirSync(folder, { recursive: true })
  const keeper = spawn('unshare', ['-Urm', 'sh', '-c', mount, 'sh', size, folder, content], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => keeper.kill('SIGKILL'))
  await inTime(once(keeper.stdout, 'data'), 'the small disk is mounted')
  const seen = join(`/proc/${keeper.pid}/root`, folder)
  const ballast = join(seen, 'ballast')
  return {
    folder,
    enter: (command) => ['nsenter', '-t', String(keeper.pid), '-U', '-m', '--preserve-credentials', ...command],
    fill: () => fill(ballast),
    free: () => rmSync(ballast, { force: true }),
    copyTo: (to) => cpSync(seen, to, { recursive: true }),
  }
}

function fill(path: string): void {
  const file = openSync(path, 'a')
  try {
    for (let chunk = Buffer.alloc(1024 * 1024); chunk.length > 0;) {
      try {
        writeSync(file, chunk)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        chunk = chunk.subarray(chunk.length >> 1 || 1)
      }
    }
  } finally {
    closeSync(file)
  }
}
