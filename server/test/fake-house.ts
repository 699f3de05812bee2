import type { TestContext } from 'node:test'
import type { Effect } from '../src/model/effect.ts'
import type { Agent } from './agent.ts'
import { behaviourNames, toolNamed, type ToolDefinition } from './fake/fake-tools.ts'
import { openFakeMcpServer, type FakeMcpServer, type FakeOptions } from './fake/mcp-server.ts'
import { openHouse, type House, type HouseOptions } from './house.ts'
import { inTime, until } from './patience.ts'
import type { Person } from './person.ts'
import type { SteppingClock } from './stepping-clock.ts'

/** A house with one upstream, `desk`, which is a fake with a journal. */
export interface FakeHouse {
  house: House
  fake: FakeMcpServer
  clock: SteppingClock
  /** Looks at the upstream now, as the gateway does by itself from time to time. */
  look(): Promise<void>
  /** Accepts what the upstream offers now, for these tools. */
  pin(...names: string[]): Promise<void>
  /** Kinds and key facts of the entries of calls, in their order. */
  story(): Promise<string[]>
}

const text = { type: 'string' }

/** Tools with an effect by their name: `read_…`, `write_…`, `delete_…`; all of them echo their arguments. */
export const noteTools: readonly ToolDefinition[] = ['read_note', 'write_note', 'delete_note'].map((name) =>
  toolNamed(name, {
    inputSchema: {
      type: 'object',
      properties: {
        id: text,
        text,
        count: { type: 'number' },
        sure: { type: 'boolean' },
        more: { type: 'object', properties: { id: text, text } },
      },
    },
  }),
)

const effects: Record<string, Effect> = {
  ...Object.fromEntries(behaviourNames.map((name) => [name, 'read' as const])),
  read_note: 'read',
  write_note: 'write',
  delete_note: 'destructive',
}

/** Opens a house with the upstream `desk`, which offers the tools of notes and all behaviours of the fake. */
export async function openFakeHouse(
  t: TestContext,
  options: { fake?: Partial<FakeOptions>; tools?: ToolDefinition[]; reach?: string[]; house?: HouseOptions } = {},
): Promise<FakeHouse> {
  const tools = [
    ...structuredClone(noteTools),
    ...behaviourNames.map((name) => toolNamed(name)),
    ...(options.tools ?? []),
  ]
  const fake = await openFakeMcpServer({ ...options.fake, tools })
  t.after(() => fake.close())
  const house = await openHouse(t, { reach: [fake.url, ...(options.reach ?? [])], ...options.house })
  await house.httpUpstream('desk', fake.url, { effects })
  const { inventory, gateway, ledger } = house.rooms
  return {
    house,
    fake,
    clock: house.clock,
    look: async () => gateway.look((await inventory.findUpstream('desk'))!),
    async pin(...names) {
      const all = await inventory.listTools('desk')
      const chosen = all.filter((tool) => names.includes(tool.name))
      const digests = Object.fromEntries(chosen.map((tool) => [tool.name, tool.liveDigest!]))
      await inventory.pinTools({ by: 'set-up', upstream: 'desk', digests, reason: 'looked at it' })
    },
    async story() {
      const entries = await ledger.listEntries({ after: -1, limit: 1_000, kinds: ['intent', 'outcome', 'denial'] })
      return entries.map(({ entry }) => {
        if (entry.kind === 'intent') return `intent ${entry.tool}`
        if (entry.kind === 'outcome') return `outcome ${entry.status}`
        return entry.kind === 'denial' ? `denial ${entry.reason}` : entry.kind
      })
    },
  }
}

/** A person who may use every tool of `desk`, with a client that was given all of them. */
export async function connectAll(house: House, name = 'ana'): Promise<{ person: Person; agent: Agent }> {
  const person = await house.person(name, ['desk/*'])
  return { person, agent: await person.connect('desk', 'all') }
}

/** Begins a call at `desk` that does not end by itself, and waits until it has arrived there. */
export async function hang({ fake }: Pick<FakeHouse, 'fake'>, agent: Agent): Promise<{ ended: Promise<string> }> {
  const arrived = fake.calls.length
  const ended = agent.call('hang').then(
    ({ message }) => JSON.stringify(message),
    () => 'broken off',
  )
  await until(() => fake.calls.length > arrived, 'the call is at the upstream')
  return { ended: inTime(ended, 'the call that hangs is broken off') }
}
