/**
 * Shows that a long step is under way: one line that counts seconds in a terminal, a line at its start and at its end
 * elsewhere (a log of CI has no use for spinners).
 *
 * @template T
 * @param {string} what What is being done, lower case: `installing packages`.
 * @param {() => Promise<T>} work
 * @param {NodeJS.WriteStream} [out]
 * @returns {Promise<T>}
 */
export async function withProgress(what, work, out = process.stderr) {
  const startedAt = process.hrtime.bigint()
  const seconds = () => Number((process.hrtime.bigint() - startedAt) / 1_000_000_000n)
  const show = () => out.write(`\r  ${what} … ${seconds()} s `)
  if (!out.isTTY) out.write(`  ${what} …\n`)
  else show()
  const timer = out.isTTY ? setInterval(show, 1000) : undefined
  const end = (/** @type {string} */ word) =>
    out.write(`${out.isTTY ? '\r' : ''}  ${what}: ${word} in ${seconds()} s\n`)
  try {
    const result = await work()
    end('done')
    return result
  } catch (error) {
    end('failed')
    throw error
  } finally {
    clearInterval(timer)
  }
}
