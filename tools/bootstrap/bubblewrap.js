import { installPackage, onPath } from './debian.js'

/**
 * Sees to the sandbox that the tests of confined programs use. They are left out, and say so, where there is none: then
 * this says it too and goes on.
 */
export async function installBubblewrap() {
  if (process.platform !== 'linux' || onPath('bwrap') !== undefined) return
  const installed = await installPackage('bubblewrap').catch(() => false)
  if (installed && onPath('bwrap') !== undefined) return
  console.error(
    'no bubblewrap: the tests of the sandbox are left out (Debian, Ubuntu: `sudo apt-get install bubblewrap`)',
  )
}
