import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { House } from './house.ts'
import type { Person } from './person.ts'
import { formsOf, unescapeHtml, type Page } from './browser.ts'

/** Sends the form of a page that leads to this path: the page must offer it. */
export function sendForm(
  person: Person,
  page: Page,
  { to, ...values }: { to: string } & Record<string, string | string[]>,
): Promise<Page> {
  return person.browser.submit(page, values, { to })
}

/** Sends the form of a page with a file. */
export function sendUpload(
  person: Person,
  page: Page,
  {
    to,
    files,
    ...values
  }: { to: string; files: Record<string, string | Uint8Array<ArrayBuffer>> } & Record<string, unknown>,
): Promise<Page> {
  return person.browser.submit(page, values as Record<string, string>, { to, files })
}

/** The paths that the forms of a page lead to. */
export function formPaths(page: Page): string[] {
  return formsOf(page).map(({ action }) => action.pathname)
}

/** The text of a page as a person reads it, white space as one space. */
export function textOn(page: Page): string {
  const [, main = page.text] = /<main[^>]*>([\s\S]*)<\/main>/.exec(page.text) ?? []
  return unescapeHtml(main.replaceAll(/<[^>]+>/g, ' ')).replaceAll(/\s+/g, ' ')
}

/** What a command of the command line came to. */
export interface Ran {
  code: number | null
  out: string
  err: string
}

/** A command line in the name of a person. */
export async function openCommandLine(house: House, person: Person): Promise<(...args: string[]) => Promise<Ran>> {
  const { key } = await house.rooms.identity.makeOperatorKey({ principal: person.principal, label: 'test' })
  return (...args) => runCommand(args, { SALLYPORT_URL: house.origin, SALLYPORT_KEY: key })
}

const script = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))

/** Runs the command line in a process of its own, with this environment and nothing else. */
export function runCommand(args: readonly string[], env: Record<string, string>): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, out, err }))
  })
}
