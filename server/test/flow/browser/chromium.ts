import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core'
import { findChromium } from '../../../../tools/bootstrap/chromium.js'

/** A browser of one person: cookies of its own, and one tab. */
export interface Window {
  page: Page
  context: BrowserContext
  /** What the pages complained about: errors of scripts, refused content, failed requests. */
  complaints: string[]
  /** Takes the complaints that are expected, and forgets them. */
  forgive(expected: RegExp): void
}

/** Opens windows in one Chromium, and checks at the end of the test that no page complained. */
export interface Desk {
  open(options?: BrowserContextOptions): Promise<Window>
}

/** Nothing of the machine is used, nothing outside is asked. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
]

/** Starts Chromium: `SALLYPORT_CHROMIUM`, otherwise the first on the path. */
export async function openChromium(): Promise<Browser> {
  const executablePath = findChromium()
  assert.ok(executablePath, 'the browser tests need Chromium: run `npm test`, or set SALLYPORT_CHROMIUM')
  return chromium.launch({ executablePath, args: flags })
}

/** Starts Chromium for one test. */
export async function openDesk(t: TestContext): Promise<Desk> {
  const browser = await openChromium()
  const windows: Window[] = []
  t.after(async () => {
    await browser.close()
    for (const { complaints } of windows) assert.deepEqual(complaints, [])
  })
  return {
    async open(options = {}) {
      const context = await browser.newContext({ locale: 'en-GB', ...options })
      context.setDefaultTimeout(30_000)
      const page = await context.newPage()
      const complaints = listen(page)
      const window: Window = {
        page,
        context,
        complaints,
        forgive(expected) {
          assert.ok(complaints.length > 0, `nothing to forgive: ${String(expected)}`)
          for (const one of complaints.splice(0)) assert.match(one, expected)
        },
      }
      windows.push(window)
      return window
    },
  }
}

// A refused style or script, a frame that was refused and a page that answered with an error all show in the console.
function listen(page: Page): string[] {
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  return complaints
}
