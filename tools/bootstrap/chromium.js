import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { withProgress } from './progress.js'
import { runQuietly } from './quiet.js'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/**
 * @param {string} name
 * @param {string} path
 */
function onPath(name, path) {
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
 * Finds the browser of the browser tests: `SALLYPORT_CHROMIUM`, otherwise the first on the path.
 *
 * @param {Record<string, string | undefined>} [env]
 * @returns {string | undefined}
 */
export function findChromium(env = process.env) {
  const named = env['SALLYPORT_CHROMIUM']
  if (named) {
    try {
      accessSync(named, constants.X_OK)
      return named
    } catch {
      throw new Error(`SALLYPORT_CHROMIUM names \`${named}\`, which cannot be run: correct it, or unset it`)
    }
  }
  for (const name of names) {
    const found = onPath(name, env['PATH'] ?? '')
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * Finds the browser, and installs it where this process may (root on Debian or Ubuntu).
 *
 * @returns {Promise<string>} Its path.
 */
export async function installChromium() {
  const there = findChromium()
  if (there !== undefined) return there
  const apt = onPath('apt-get', process.env['PATH'] ?? '')
  if (apt === undefined || process.getuid?.() !== 0) {
    throw new Error(
      'the browser tests need Chromium, and none was found: install it (Debian, Ubuntu: `sudo apt-get install chromium`),\n' +
        'or set SALLYPORT_CHROMIUM to the path of a Chromium or Chrome, and run `npm test` again',
    )
  }
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
  const patient = ['-o', 'DPkg::Lock::Timeout=300']
  await withProgress('asking Debian for its packages', () => runQuietly(apt, [...patient, 'update'], options))
  await withProgress('installing Chromium', () =>
    runQuietly(apt, [...patient, 'install', '-y', '--no-install-recommends', 'chromium'], options),
  )
  const now = findChromium()
  if (now === undefined)
    throw new Error('apt-get installed Chromium, and still none is on the path: set SALLYPORT_CHROMIUM')
  return now
}
