import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { runScript } from '../server/bin/runtime.js'
import { prepare, root } from './bootstrap/prepare.js'

const [name, ...args] = process.argv.slice(2)
const folder = join(root, 'bench')
const script = join(folder, `${name}.ts`)

if (name === undefined || !/^[a-z0-9-]+$/.test(name) || !existsSync(script)) {
  const names = existsSync(folder) ? readdirSync(folder).filter((file) => /^[a-z0-9-]+\.ts$/.test(file)) : []
  console.error(
    `usage: npm run bench -- <name> [--json]\nbenches: ${names.map((file) => file.slice(0, -3)).join(', ')}`,
  )
  process.exitCode = 1
} else {
  await prepare(() => runScript(script, args))
}
