import { readFileSync, statfsSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'

const diskNames: Record<number, string> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs',
  0x794c7630: 'overlay',
}

/**
 * What the numbers were taken on, in a few lines: without it they mean nothing.
 *
 * @param folder where the bench keeps its data; memory that poses as a disk is named.
 */
export function describeMachine(folder: string): string {
  const [cpu] = cpus()
  const type = statfsSync(folder).type
  const versions = ['undici', 'kysely', 'zod', 'jose'].map((name) => `${name} ${versionOf(name)}`)
  return [
    `${cpu?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`,
    `Node ${process.versions.node}, SQLite ${process.versions['sqlite'] ?? '?'}, ${versions.join(', ')}`,
    `data on ${diskNames[type] ?? `a file system of type 0x${type.toString(16)}`}; load before the start: ${loadavg()[0]!.toFixed(1)}`,
  ].join('\n')
}

function versionOf(name: string): string {
  const path = new URL(`../../node_modules/${name}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}
