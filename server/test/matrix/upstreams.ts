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
import { openSseServer } from '../fake/sse-server.ts'

/** What each client tries at each upstream: one item for every state that an item can be in. */
export const toolNames = ['read_held', 'read_not_entitled', 'read_not_chosen', 'read_drifted', 'delete_pending']
export const promptNames = ['held', 'not_entitled', 'not_chosen', 'drifted']
/** What is only offered when everything else has been accepted. */
const lateTool = 'read_not_accepted'
const latePrompt = 'not_accepted'

/** One way to reach an upstream. */
export interface Way {
  name: string
  launch: Launch
  /** Whether it offers prompts and resources too. */
  offers: boolean
  /** Changes the definitions of all that is to drift, and offers what is not to be accepted. */
  drift(): void
}

/** Every way, and what the house must be told of them. */
export interface Ways {
  all: Way[]
  reach: string[]
  yaml: string
}

/** The address of a resource of one way: no two upstreams claim the same. */
export function uriOf(way: string, name: string): string {
  return `memo://${way}/${name}`
}

export async function openWays(t: TestContext): Promise<Ways> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-matrix-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const over = [await openHttp(t, 'legacy'), await openHttp(t, 'modern'), await openSse(t)]
  const stdio = openStdio(join(folder, 'tools.json'))
  const api = await openApi(t)
  const yaml = `stdio: ${JSON.stringify({ matrix: stdio.spec })}\nopenapi: ${JSON.stringify({ matrix: { file: api.file } })}\n`
  const all = [...over.map(({ way }) => way), stdio.way, api.way]
  return { all, reach: [...over.map(({ url }) => url), api.url], yaml }
}

function offersOf(way: string): Offers {
  return {
    prompts: promptNames.map((name) => promptNamed(name)),
    resources: promptNames.map((name) => resourceNamed(way, name)),
    templates: [],
    extensions: {},
  }
}

function promptNamed(name: string): Record<string, unknown> {
  return { name, description: 'A prompt.', arguments: [{ name: 'id' }] }
}

function resourceNamed(way: string, name: string): Record<string, unknown> {
  return { uri: uriOf(way, name), name }
}

function driftAll(way: string, tools: ToolDefinition[], { prompts, resources }: Offers): void {
  for (const one of [...tools, ...prompts, ...resources]) {
    if (String(one['name']).endsWith('drifted')) one['description'] = 'Something else.'
  }
  tools.push(toolNamed(lateTool))
  prompts.push(promptNamed(latePrompt))
  resources.push(resourceNamed(way, latePrompt))
}

async function openHttp(t: TestContext, era: 'legacy' | 'modern'): Promise<{ way: Way; url: string }> {
  const name = `http-${era}`
  const offers = offersOf(name)
  const tools = toolNames.map((tool) => toolNamed(tool))
  const fake = await openFakeMcpServer({ era, sessions: era === 'legacy', tools, offers })
  t.after(() => fake.close())
  const drift = (): void => driftAll(name, fake.tools, offers)
  return { way: { name, launch: { kind: 'http', url: fake.url }, offers: true, drift }, url: fake.url }
}

async function openSse(t: TestContext): Promise<{ way: Way; url: string }> {
  const name = 'sse'
  const offers = offersOf(name)
  const fake = await openSseServer({ tools: toolNames.map((tool) => toolNamed(tool)), offers })
  t.after(() => fake.close())
  const drift = (): void => driftAll(name, fake.tools, offers)
  return { way: { name, launch: { kind: 'sse', url: fake.url }, offers: true, drift }, url: fake.url }
}

function openStdio(file: string): { way: Way; spec: object } {
  const write = (tools: ToolDefinition[]) => writeFileSync(file, JSON.stringify(tools))
  write(toolNames.map((name) => toolNamed(name)))
  const program = fileURLToPath(new URL('./stdio-program.ts', import.meta.url))
  const drifted = (name: string) => toolNamed(name, name === 'read_drifted' ? { description: 'Else.' } : {})
  const way: Way = {
    name: 'stdio',
    launch: { kind: 'stdio', command: 'matrix' },
    offers: false,
    drift: () => write([...toolNames, lateTool].map(drifted)),
  }
  return { way, spec: { command: process.execPath, args: [program, file], sandbox: 'off' } }
}

async function openApi(t: TestContext): Promise<{ way: Way; file: string; url: string }> {
  const api = await openHttpApi()
  t.after(() => api.close())
  const pathsWith = (names: string[], summary: string) =>
    Object.fromEntries(
      names.map((name) => {
        const operation = { operationId: name, summary: name === 'read_drifted' ? summary : 'It.' }
        return [`/${name}`, { [name.startsWith('delete') ? 'delete' : 'get']: operation }]
      }),
    )
  const describe = (names: string[], summary: string) => api.describe(documentOf(api.url, pathsWith(names, summary)))
  describe(toolNames, 'It.')
  const way: Way = {
    name: 'openapi',
    launch: { kind: 'openapi', document: 'matrix' },
    offers: false,
    drift: () => describe([...toolNames, lateTool], 'Else.'),
  }
  return { way, file: api.file, url: api.url }
}
