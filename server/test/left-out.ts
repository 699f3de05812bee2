import { existsSync } from 'node:fs'

/** Where our checks run (CI, on Debian, as root) every tool is to be had. */
const toBeHad = process.env['CI'] !== undefined && existsSync('/etc/debian_version') && process.getuid?.() === 0

/**
 * Whether a test is left out that needs a tool of this machine.
 *
 * @param why what is missing, as it is said of the test.
 * @returns false also where the tool is missing and should not be: the test then fails.
 */
export function leftOut(works: boolean, why: string): string | false {
  return works || toBeHad ? false : why
}
