// Plain JavaScript without dependencies: it must run on the Node that happens to be there, from 20 on.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The oldest major release of Node that the source runs on. */
export const nodeMajorMin = 24

/**
 * @param {string} version such as `v24.21.0`
 * @returns {number}
 */
const majorOf = (version) => Number(/^v?(\d+)\./.exec(version.trim())?.[1] ?? 0)

/**
 * Finds the Node to run the source with: the one that the lockfile pins, otherwise the one that runs now.
 *
 * @param {string} from Folder where the search for `node_modules` begins; it goes up from there.
 * @param {{ execPath: string, version: string }} [running] The Node that runs now.
 * @returns {string} The path of an executable of release 24 or later, tried.
 * @throws {Error} When there is none; the message says what to do.
 */
export function findRuntime(from, running = { execPath: process.execPath, version: process.version }) {
  for (let folder = from; ; folder = dirname(folder)) {
    const file = join(folder, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
    if (existsSync(file)) {
      // It is asked, not believed: on a system with another C library the file is there and does not run.
      const answer = spawnSync(file, ['--version'], { encoding: 'utf8' })
      if (answer.status === 0 && majorOf(answer.stdout) >= nodeMajorMin) return file
    }
    if (dirname(folder) === folder) break
  }
  if (majorOf(running.version) >= nodeMajorMin) return running.execPath
  throw new Error(
    `Sallyport needs Node ${nodeMajorMin} or later; this is Node ${running.version.replace(/^v/, '')}.\n` +
      `In a checkout, run \`npm start\` once: it brings Node ${nodeMajorMin} along on Linux (x64, arm64).\n` +
      'On other systems install it from https://nodejs.org and try again.',
  )
}

/**
 * Runs a program in this process's place: same terminal, same signals, same exit code.
 *
 * Ctrl-C in a terminal reaches the program by itself (the terminal tells every process of the foreground group), so
 * SIGINT is forwarded only where there is no terminal. npm forwards it once more, so each signal is forwarded at most
 * once; the scripts of package.json say `exec`, because a shell in between would die of the signal. A program that stops
 * cleanly after a signal counts as success.
 *
 * @param {string} file The executable.
 * @param {string[]} args
 * @param {Record<string, string | undefined>} [env]
 * @returns {Promise<number>} The code to exit with.
 */
export function runUnder(file, args, env = process.env) {
  const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  const child = spawn(file, args, { stdio: 'inherit', env })
  /** @type {Set<NodeJS.Signals>} */
  const heard = new Set()
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) {
    process.on(signal, () => {
      if (heard.has(signal)) return
      heard.add(signal)
      if (signal === 'SIGINT' && terminal) return
      child.kill(signal)
    })
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 1)))
  })
}

// What the engine made of the source, kept beside it: half of the time until a process is ready. It is as trusted as the
// source is, and so is who may write there; where that is nobody, nothing is kept.
const compileCache = fileURLToPath(new URL('../../.cache/node', import.meta.url))

/**
 * Runs a script of the source under the Node that suits it, and exits with its code.
 *
 * @param {string} script Absolute path of a `.ts` or `.js` file.
 * @param {string[]} args
 * @param {Record<string, string | undefined>} [env]
 */
export async function runScript(script, args, env) {
  try {
    const cached = { NODE_COMPILE_CACHE: compileCache, ...(env ?? process.env) }
    process.exitCode = await runUnder(findRuntime(dirname(script)), [script, ...args], cached)
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  }
}
