import { join } from 'node:path'
import { runScript } from '../server/bin/runtime.js'
import { installBubblewrap } from './bootstrap/bubblewrap.js'
import { installChromium } from './bootstrap/chromium.js'
import { prepare, root } from './bootstrap/prepare.js'

await prepare(async () => {
  await installBubblewrap()
  const env = { ...process.env, SALLYPORT_CHROMIUM: await installChromium() }
  await runScript(join(root, 'tools/gates.ts'), ['--slow', ...process.argv.slice(2)], env)
})
