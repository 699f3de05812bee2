import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Effect } from '../src/model/effect.ts'
import { behaviourNames } from './fake/fake-tools.ts'
import { openFakeMcpServer, type Message } from './fake/mcp-server.ts'
import { openSseServer } from './fake/sse-server.ts'
import { openHouse, type House } from './house.ts'

/** The ways in which an upstream can be reached that speaks MCP itself. */
export const kinds = ['http, legacy', 'http, modern', 'sse', 'stdio, shared', 'stdio, per principal'] as const
export type Kind = (typeof kinds)[number]

/** A house with one upstream, `desk`, of any kind, which offers the behaviours of the fakes and nothing else. */
export interface KindHouse {
  house: House
  /** What reached the upstream, in its order. */
  heard(): Message[]
  /** Calls of this tool whose connection was closed before they were answered; where connections mean something. */
  abandoned(tool: string): number
}

/** Opens a house whose upstream is reached in this way. */
export async function openKindHouse(t: TestContext, kind: Kind): Promise<KindHouse> {
  const effects = Object.fromEntries(behaviourNames.map((name): [string, Effect] => [name, 'read']))
  if (kind === 'sse') {
    const fake = await openSseServer()
    t.after(() => fake.close())
    const house = await openHouse(t, { reach: [fake.url] })
    await house.launchUpstream('desk', { kind: 'sse', url: fake.url }, { effects })
    return { house, heard: () => fake.journal.map(({ message }) => message), abandoned: () => 0 }
  }
  if (kind === 'stdio, shared' || kind === 'stdio, per principal') {
    const { launch, heard } = scriptOf(t, kind === 'stdio, shared' ? 'shared' : 'per_principal')
    const house = await openHouse(t, { yaml: `stdio: ${JSON.stringify({ desk: launch })}\n` })
    await house.launchUpstream('desk', { kind: 'stdio', command: 'desk' }, { effects })
    return { house, heard, abandoned: () => 0 }
  }
  const era = kind === 'http, modern' ? 'modern' : 'legacy'
  const fake = await openFakeMcpServer({ era, sessions: era === 'legacy' })
  t.after(() => fake.close())
  const house = await openHouse(t, { reach: [fake.url] })
  await house.httpUpstream('desk', fake.url, { effects })
  return {
    house,
    heard: () => fake.journal.flatMap(({ message }) => message ?? []),
    abandoned: (tool) =>
      fake.journal.filter(({ message, abandoned }) => message?.params?.['name'] === tool && abandoned).length,
  }
}

function scriptOf(t: TestContext, how: 'shared' | 'per_principal') {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-desk-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const journal = join(folder, 'journal')
  writeFileSync(journal, '')
  const script = join(import.meta.dirname, 'fake/stdio-server.ts')
  const args = [script, JSON.stringify({ journal })]
  const heard = () => {
    const lines = readFileSync(journal, 'utf8').split('\n')
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Message)
  }
  return { launch: { command: process.execPath, args, sandbox: 'off', process: how }, heard }
}
