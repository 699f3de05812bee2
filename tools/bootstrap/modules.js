import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { withProgress } from './progress.js'
import { runQuietly } from './quiet.js'

/**
 * @typedef {{ version?: string, integrity?: string, resolved?: string, link?: boolean, optional?: boolean,
 *   os?: string | string[], cpu?: string | string[], libc?: string | string[] }} Package
 * @typedef {Record<string, Package>} Packages
 */

/**
 * @param {string} file
 * @returns {Packages | undefined}
 */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}

/**
 * @param {string | string[] | undefined} allowed
 * @param {string} mine
 */
function suits(allowed, mine) {
  if (allowed === undefined) return true
  const names = [allowed].flat()
  return !names.includes(`!${mine}`) && (names.includes(mine) || names.every((name) => name.startsWith('!')))
}

/**
 * Says whether `node_modules` holds what the lockfile asks for on this platform.
 *
 * npm leaves a list of what it installed in `node_modules/.package-lock.json` as its last step, so the two lists are
 * compared: that sees a changed lockfile, an interrupted install and a folder that came from another platform, and it
 * accepts an install that somebody made by hand.
 *
 * @param {Packages} locked The packages of `package-lock.json`.
 * @param {Packages} installed The packages of `node_modules/.package-lock.json`.
 * @param {{ platform: string, arch: string }} [machine]
 */
export function inStep(locked, installed, machine = { platform: process.platform, arch: process.arch }) {
  const same = (/** @type {Package} */ a, /** @type {Package} */ b) =>
    a.version === b.version && a.integrity === b.integrity && Boolean(a.link) === Boolean(b.link)
  for (const [path, wanted] of Object.entries(locked)) {
    if (!path.includes('node_modules/')) continue
    const found = installed[path]
    if (found !== undefined && same(wanted, found)) continue
    // An optional package for another machine may be absent; for another C library we cannot tell, and let it.
    const mine = suits(wanted.os, machine.platform) && suits(wanted.cpu, machine.arch) && wanted.libc === undefined
    if (found === undefined && wanted.optional === true && !mine) continue
    return false
  }
  return Object.keys(installed).every((path) => path in locked)
}

/**
 * Brings `node_modules` in step with the lockfile; does nothing, in a few milliseconds, when it is.
 *
 * @param {string} root The folder of the checkout.
 */
export async function installModules(root) {
  const locked = readPackages(join(root, 'package-lock.json'))
  if (locked === undefined)
    throw new Error('cannot read package-lock.json: restore it with `git checkout package-lock.json`')
  const installed = readPackages(join(root, 'node_modules/.package-lock.json'))
  if (installed !== undefined && inStep(locked, installed)) return
  // Install scripts stay off: no package gets to run code on this machine only because it was installed.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
  args.push('--include=dev', '--include=optional')
  const npm = process.env['npm_execpath']
  const viaNode = npm !== undefined && npm.endsWith('.js') && existsSync(npm)
  const [file, first] = viaNode ? [process.execPath, [npm]] : ['npm', []]
  await withProgress('installing packages', () => runQuietly(file, [...first, ...args], { cwd: root }))
}
