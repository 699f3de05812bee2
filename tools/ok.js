import { join } from 'node:path'
import { runScript } from '../server/bin/runtime.js'
import { findChromium } from './bootstrap/chromium.js'
import { prepare, root } from './bootstrap/prepare.js'

await prepare(async () => {
  const env = { ...process.env, SALLYPORT_CHROMIUM: findChromium() }
  await runScript(join(root, 'tools/gates.ts'), process.argv.slice(2), env)
})
