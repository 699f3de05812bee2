import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { endingArgs } from './gates/ending.ts'

const folder = join(import.meta.dirname, '..', 'server', 'test', 'soak')
const ending = '.soak.ts'

/** What can be soaked: long runs of what `npm test` does in small. */
export function listSoaks(): string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(ending))
  return files.map((file) => file.slice(0, -ending.length)).toSorted()
}

function main(names: readonly string[]): void {
  const known = listSoaks()
  if (names.some((name) => !known.includes(name))) {
    console.error(`usage: npm run soak -- [<name>…]\nsoaks, all of them when none is named: ${known.join(', ')}`)
    process.exitCode = 1
    return
  }
  const chosen = names.length === 0 ? known : names
  const stream = run({
    files: chosen.map((name) => join(folder, `${name}${ending}`)),
    concurrency: 1,
    // Each bounds itself; see server/test/soak/bounds.ts.
    timeout: Infinity,
    execArgv: endingArgs,
  })
  stream.on('test:fail', () => (process.exitCode = 1))
  stream.compose(spec).pipe(process.stdout)
}

if (import.meta.main) main(process.argv.slice(2))
