import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Launch } from '../../src/model/upstream.ts'
import { documentOf, openHttpApi } from '../fake/http-api.ts'
import type { Offers } from '../fake/fake-offers.ts'
import { toolNamed, type ToolDefinition } from '../fake/fake-tools.ts'
import { openFakeMcpServer } from '../fake/mcp-server.ts'

/** What each client tries at each upstream: one item for every state that an item can be in. */
export const toolNames = ['read_held', 'read_not_entitled', 'read_not_chosen', 'read_drifted', 'delete_pending']
export const promptNames = ['held', 'not_entitled', 'not_chosen', 'drifted']

/** One way to reach an upstream. */
export interface Way {
  name: string
  launch: Launch
  /** Whether it offers prompts and resources too. */
  offers: boolean
  /** Changes the definitions of all that is to drift. */
  drift(): void
}

/** Every way, and what the house must be told of them. */
export interface Ways {
  all: Way[]
  reach: string[]
  yaml: string
}

export async function openWays(t: TestContext): Promise<Ways> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-matrix-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const [legacy, modern] = [await openHttp(t, 'legacy'), await openHttp(t, 'modern')]
  const stdio = openStdio(join(folder, 'tools.json'))
  const api = await openApi(t)
  const yaml = `stdio: ${JSON.stringify({ matrix: stdio.spec })}\nopenapi: ${JSON.stringify({ matrix: { file: api.file } })}\n`
  return { all: [legacy.way, modern.way, stdio.way, api.way], reach: [legacy.url, modern.url, api.url], yaml }
}

const uris = promptNames.map((name) => `memo://${name}`)

async function openHttp(t: TestContext, era: 'legacy' | 'modern'): Promise<{ way: Way; url: string }> {
  const tools = toolNames.map((name) => toolNamed(name))
  const offers: Offers = {
    prompts: promptNames.map((name) => ({ name, description: 'A prompt.', arguments: [{ name: 'id' }] })),
    resources: uris.map((uri) => ({ uri, name: uri })),
    templates: [],
    extensions: {},
  }
  const fake = await openFakeMcpServer({ era, sessions: era === 'legacy', tools, offers })
  t.after(() => fake.close())
  const drift = (): void => {
    for (const one of [...fake.tools, ...offers.prompts, ...offers.resources]) {
      if (String(one['name']).endsWith('drifted')) one['description'] = 'Something else.'
    }
  }
  return { way: { name: `http-${era}`, launch: { kind: 'http', url: fake.url }, offers: true, drift }, url: fake.url }
}

function openStdio(file: string): { way: Way; spec: object } {
  const write = (tools: ToolDefinition[]) => writeFileSync(file, JSON.stringify(tools))
  write(toolNames.map((name) => toolNamed(name)))
  const program = fileURLToPath(new URL('./stdio-program.ts', import.meta.url))
  const way: Way = {
    name: 'stdio',
    launch: { kind: 'stdio', command: 'matrix' },
    offers: false,
    drift: () =>
      write(toolNames.map((name) => toolNamed(name, name === 'read_drifted' ? { description: 'Else.' } : {}))),
  }
  return { way, spec: { command: process.execPath, args: [program, file], sandbox: 'off' } }
}

async function openApi(t: TestContext): Promise<{ way: Way; file: string; url: string }> {
  const api = await openHttpApi()
  t.after(() => api.close())
  const pathsWith = (summary: string) =>
    Object.fromEntries(
      toolNames.map((name) => {
        const operation = { operationId: name, summary: name === 'read_drifted' ? summary : 'It.' }
        return [`/${name}`, { [name.startsWith('delete') ? 'delete' : 'get']: operation }]
      }),
    )
  const describe = (summary: string) => api.describe(documentOf(api.url, pathsWith(summary)))
  describe('It.')
  const way: Way = {
    name: 'openapi',
    launch: { kind: 'openapi', document: 'matrix' },
    offers: false,
    drift: () => describe('Else.'),
  }
  return { way, file: api.file, url: api.url }
}
