import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { runScript } from '../server/bin/runtime.js'
import { prepare, root } from './bootstrap/prepare.js'

const folder = join(root, 'bench')
const names = readdirSync(folder)
  .filter((file) => /^[a-z0-9-]+\.ts$/.test(file))
  .map((file) => file.slice(0, -'.ts'.length))

const [first, ...rest] = process.argv.slice(2)
const one = first !== undefined && !first.startsWith('-')
const args = one ? rest : process.argv.slice(2)

if (one && !names.includes(first)) {
  console.error(
    `usage: npm run bench -- [<name>] [--json]\nbenches, all of them when none is named: ${names.join(', ')}`,
  )
  process.exitCode = 1
} else {
  await prepare(async () => {
    for (const name of one ? [first] : names) {
      await runScript(join(folder, `${name}.ts`), args)
      if (process.exitCode !== 0) break
    }
  })
}
