import { join } from 'node:path'
import { runScript } from '../server/bin/runtime.js'
import { prepare, root } from './bootstrap/prepare.js'

await prepare(() => runScript(join(root, 'server/src/cli/main.ts'), ['serve', ...process.argv.slice(2)]))
