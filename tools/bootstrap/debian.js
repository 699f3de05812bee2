import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { withProgress } from './progress.js'
import { runQuietly } from './quiet.js'

/**
 * Finds a program on a path.
 *
 * @param {string} name
 * @param {string} [path]
 * @returns {string | undefined}
 */
export function onPath(name, path = process.env['PATH'] ?? '') {
  for (const folder of path.split(delimiter)) {
    if (folder === '') continue
    try {
      accessSync(join(folder, name), constants.X_OK)
      return join(folder, name)
    } catch {}
  }
  return undefined
}

/**
 * Installs a package where this process may: as root on Debian or Ubuntu.
 *
 * @param {string} name
 * @returns {Promise<boolean>} Whether it could try.
 */
export async function installPackage(name) {
  const apt = onPath('apt-get')
  if (apt === undefined || process.getuid?.() !== 0) return false
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
  const patient = ['-o', 'DPkg::Lock::Timeout=300']
  await withProgress('asking Debian for its packages', () => runQuietly(apt, [...patient, 'update'], options))
  await withProgress(`installing ${name}`, () =>
    runQuietly(apt, [...patient, 'install', '-y', '--no-install-recommends', name], options),
  )
  return true
}
