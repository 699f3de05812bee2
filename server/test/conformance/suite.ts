import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'

/** The revisions whose frozen requirements the suite knows. */
export type Revision = '2025-11-25' | '2026-07-28'

/** What the suite found at one point. */
export interface Check {
  id: string
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'
  errorMessage?: string
  details?: unknown
}

/** What the suite found, scenario by scenario. */
export type Results = ReadonlyMap<string, readonly Check[]>

const home = dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json'))
const program = join(home, 'dist/index.js')

/** The scenarios that a revision requires of a server or of a client. */
export function scored(revision: Revision, leg: 'server' | 'client'): string[] {
  const frozen = parse(readFileSync(join(home, `requirements/${revision}.yaml`), 'utf8')) as Record<string, string[]>
  return frozen[leg]!
}

/** What does not pass yet: the only list of its kind, and it ends empty. */
export function expectedToFail(leg: 'server' | 'client', revision: Revision): readonly string[] {
  const file = readFileSync(new URL('expected-failures.yaml', import.meta.url), 'utf8')
  return (parse(file) as Record<string, Record<string, string[]>>)[leg]![revision]!
}

/** Runs the official suite with these arguments, and reads what it found. */
export async function runSuite(
  args: readonly string[],
  options: { env?: Record<string, string>; heard?: (line: string) => void } = {},
): Promise<{ results: Results; output: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-conformance-'))
  try {
    const output = await runProgram([...args, '--output-dir', folder], { ...options, cwd: folder })
    return { results: readResults(folder), output }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Runs what a revision requires of a server, and what is not scored. The suite waits half a second for some answers, which
 * a busy machine does not keep: so what failed is run once more, alone, and that counts.
 */
export async function runServerSuite(url: string, revision: Revision): Promise<Results> {
  const { results } = await runSuite(['server', '--url', url, '--requirements', revision])
  const found = new Map(results)
  for (const scenario of Object.keys(failing(results, results.keys()))) {
    const alone = ['server', '--url', url, '--scenario', scenario, '--spec-version', revision]
    for (const [name, checks] of (await runSuite(alone)).results) found.set(name, checks)
  }
  return found
}

function runProgram(
  args: readonly string[],
  { env, heard, cwd }: { env?: Record<string, string>; heard?: (line: string) => void; cwd: string },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const hear = (chunk: Buffer) => {
      output += chunk.toString()
      heard?.(chunk.toString())
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('error', reject)
    child.once('close', () => resolve(output))
  })
}

// A folder is named `server-<scenario>-<moment>`, that of an authorization server `authorization-server-…`, that of a
// client without such a beginning.
function readResults(folder: string): Results {
  const results = new Map<string, Check[]>()
  for (const at of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!at.endsWith('checks.json')) continue
    const name = dirname(at)
      .replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, '')
      .replace(/^(authorization-)?server-/, '')
    results.set(name, JSON.parse(readFileSync(join(folder, at), 'utf8')) as Check[])
  }
  return results
}

/** The checks that failed, each a line for people. */
export function failures(checks: readonly Check[] | undefined, failed: readonly Check['status'][]): string[] {
  if (checks === undefined) return ['was not run']
  return checks
    .filter(({ status }) => failed.includes(status))
    .map(({ id, errorMessage, details }) => `${id}: ${errorMessage ?? JSON.stringify(details)?.slice(0, 300)}`)
}

/** Of these scenarios those that failed, with what failed in them. Of a client the suite takes warnings for failures. */
export function failing(
  results: Results,
  scenarios: Iterable<string>,
  failed: readonly Check['status'][] = ['FAILURE'],
): Record<string, string[]> {
  const found = [...scenarios].map((name) => [name, failures(results.get(name), failed)] as const)
  return Object.fromEntries(found.filter(([, lines]) => lines.length > 0))
}

/**
 * The scenarios with checks that passed in one run and do not pass, or not as often, in the other; and these checks. To be
 * told that something is optional and not done (`INFO`) is no failure.
 */
export function worse(before: Results, after: Results): Record<string, string[]> {
  const count = (of: readonly Check[] = [], id: string, good: readonly Check['status'][]) =>
    of.filter((check) => check.id === id && good.includes(check.status)).length
  const found = [...before].map(([scenario, checks]) => {
    const now = after.get(scenario)
    const ids = [...new Set(checks.map(({ id }) => id))]
    const lost = ids.filter((id) => count(now, id, ['SUCCESS', 'INFO']) < count(checks, id, ['SUCCESS']))
    return [scenario, lost] as const
  })
  return Object.fromEntries(found.filter(([, lost]) => lost.length > 0))
}
