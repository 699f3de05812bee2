import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installModules } from './modules.js'
import { linkPostgres } from './postgres.js'

/** The folder of the checkout. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/**
 * Does what every command of this repository needs first: packages in step with the lockfile.
 *
 * @template T
 * @param {() => Promise<T> | T} next What to do then.
 */
export async function prepare(next) {
  try {
    await installModules(root)
    linkPostgres(root)
    await next()
  } catch (error) {
    console.error(`\n${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}
