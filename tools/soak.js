import { join } from 'node:path'
import { runScript } from '../server/bin/runtime.js'
import { prepare, root } from './bootstrap/prepare.js'

await prepare(() => runScript(join(root, 'tools/soak.ts'), process.argv.slice(2)))
