/** Who sets `SALLYPORT_ALL_TESTS` says that every tool is to be had here. */
const toBeHad = process.env['SALLYPORT_ALL_TESTS'] !== undefined

/**
 * Whether a test is left out that needs a tool of this machine.
 *
 * @param why what is missing, as it is said of the test.
 * @returns false also where the tool is missing and should not be: the test then fails.
 */
export function leftOut(works: boolean, why: string): string | false {
  return works || toBeHad ? false : why
}
