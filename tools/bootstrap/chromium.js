import { accessSync, constants } from 'node:fs'
import { installPackage, onPath } from './debian.js'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

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
  if (!(await installPackage('chromium'))) {
    throw new Error(
      'the browser tests need Chromium, and none was found: install it (Debian, Ubuntu: `sudo apt-get install chromium`),\n' +
        'or set SALLYPORT_CHROMIUM to the path of a Chromium or Chrome, and run `npm test` again',
    )
  }
  const now = findChromium()
  if (now === undefined)
    throw new Error('apt-get installed Chromium, and still none is on the path: set SALLYPORT_CHROMIUM')
  return now
}
