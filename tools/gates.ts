import { dirname, resolve } from 'node:path'
import { run } from 'node:test'
import { checkDocs } from './docs.ts'
import { checkFloors } from './floors.ts'
import { endingArgs } from './gates/ending.ts'
import { runProgram } from './gates/program.ts'
import type { Ended } from './gates/program.ts'
import { reportTests } from './gates/report.ts'
import { checkRatchets } from './ratchet.ts'
import { listFiles, writeFindings } from './source.ts'
import type { Finding } from './source.ts'

/** A check that passes or says what is wrong. */
interface Gate {
  readonly name: string
  check(root: string): Promise<Ended> | Ended
}

const byFindings =
  (check: (root: string) => Finding[]): Gate['check'] =>
  (root) => {
    const findings = check(root)
    return { ok: findings.length === 0, output: writeFindings(findings) }
  }

/** All gates but the tests, in the order in which they are run. */
const gates: readonly Gate[] = [
  { name: 'types', check: (root) => runProgram('tsc', ['-p', '.'], root) },
  { name: 'lint', check: (root) => runProgram('oxlint', ['--type-aware', '--deny-warnings'], root) },
  { name: 'format', check: (root) => runProgram('oxfmt', ['--check'], root) },
  { name: 'floors', check: byFindings(checkFloors) },
  { name: 'docs', check: byFindings(checkDocs) },
  { name: 'ratchets', check: byFindings(checkRatchets) },
]

/** No test takes longer; one that hangs fails instead of holding up everything. So does a file that never yields. */
const testMillisecondsMax = 180_000
const runMillisecondsMax = 30 * 60_000
const filesAtOnce = 2

/** Runs a gate and says how it went. */
async function pass(gate: Gate, root: string): Promise<boolean> {
  const startedAt = performance.now()
  const { ok, output } = await Promise.resolve(gate.check(root)).catch((error: unknown) => ({
    ok: false,
    output: `${String(error)}\n`,
  }))
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(`${ok ? '✔' : '✖'} ${gate.name} (${seconds} s)`)
  if (!ok) console.log(output.trimEnd())
  return ok
}

/**
 * Lists the test files: beside the sources, in `server/test`, and those of the tools. Slow ones, named
 * `*.slow.test.ts`, come first, so that the last file to end is a short one.
 */
export function listTests(root: string, slow: boolean): string[] {
  const files = listFiles(root, ['server', 'console', 'guard', 'tools'], (path) => /\.test\.[jt]s$/.test(path))
  const isSlow = (path: string): boolean => /\.slow\.test\.[jt]s$/.test(path)
  return [...(slow ? files.filter(isSlow) : []), ...files.filter((path) => !isSlow(path))]
}

async function runTests(root: string, files: readonly string[]): Promise<boolean> {
  console.log(`\ntests: ${files.length} files`)
  if (files.length === 0) return false
  const paths = files.map((file) => resolve(root, file))
  const stream = run({
    cwd: root,
    files: paths,
    concurrency: filesAtOnce,
    timeout: testMillisecondsMax,
    signal: AbortSignal.timeout(runMillisecondsMax),
    execArgv: endingArgs,
  })
  const { executed, failed } = await reportTests(stream, (text) => void process.stdout.write(text), paths)
  return executed > 0 && failed === 0
}

async function main(root: string, args: readonly string[]): Promise<void> {
  const slow = args.includes('--slow')
  const failed: string[] = []
  for (const gate of gates) if (!(await pass(gate, root))) failed.push(gate.name)
  if (failed.length > 0) console.log(`\nfailed before the tests: ${failed.join(', ')}`)
  const tested = await runTests(root, listTests(root, slow))
  process.exitCode = tested && failed.length === 0 ? 0 : 1
}

if (import.meta.main) await main(dirname(import.meta.dirname), process.argv.slice(2))
