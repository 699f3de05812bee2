import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openHouse, type House } from '../house.ts'
import { inTime } from '../patience.ts'

const script = fileURLToPath(new URL('../../../examples/script/connect.js', import.meta.url))

/** The example as it runs in a terminal. */
class Terminal {
  readonly #child
  #said = ''
  #unread = ''

  constructor(t: TestContext, args: readonly string[]) {
    this.#child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString()
      this.#unread += chunk.toString()
    })
    t.after(() => this.#child.kill())
  }

  get said(): string {
    return this.#said
  }

  /** Waits for an address that was not read yet. */
  async address(path: string): Promise<string> {
    const line = new RegExp(`^(http://127\\.0\\.0\\.1:\\d+${path}\\S*)\\n`, 'm')
    for (;;) {
      const found = line.exec(this.#unread)
      if (found !== null) {
        this.#unread = this.#unread.slice(found.index + found[0].length)
        return found[1]!
      }
      await inTime(once(this.#child.stdout, 'data'), `it said an address ${path}`)
    }
  }

  pressEnter(): void {
    this.#child.stdin.write('\n')
  }

  async end(): Promise<number | null> {
    if (this.#child.exitCode === null) await inTime(once(this.#child, 'close'), 'it has ended')
    return this.#child.exitCode
  }
}

async function memoryHouse(t: TestContext): Promise<House> {
  const house = await openHouse(t, { preload: ['memory'] })
  await house.rooms.gateway.look((await house.rooms.inventory.findUpstream('memory'))!)
  return house
}

test('the example prints an address, takes the answer of the browser, lists what it was given and calls it', async (t) => {
  const house = await memoryHouse(t)
  const ana = await house.person('ana', ['memory/*'])
  const terminal = new Terminal(t, [`${house.origin}/mcp/memory`])
  const page = await ana.browser.open(await terminal.address('/oauth/authorize'))
  assert.match(page.text, /“Example script”/)
  assert.match((await ana.consent(page)).text, /You can close this tab/)
  assert.equal(await terminal.end(), 0)
  assert.match(terminal.said, /^It may use: read_graph, search_nodes, open_nodes$/m)
  assert.match(terminal.said, /"entities": \[\]/)
})

test('a call of the example that destroys waits for somebody else, and then happens', async (t) => {
  const house = await memoryHouse(t)
  const [ana, bo] = [await house.person('ana', ['memory/*']), await house.person('bo', ['memory/*:approve'])]
  const memory = join(house.dataDir, 'upstreams/memory/memory.jsonl')
  const entities = [{ name: 'Elba', entityType: 'island', observations: ['has bees'] }]
  await (await ana.connect('memory', ['create_entities'])).call('create_entities', { entities })
  assert.match(readFileSync(memory, 'utf8'), /Elba/)

  const terminal = new Terminal(t, [`${house.origin}/mcp/memory`, 'delete_entities', '{"entityNames":["Elba"]}'])
  const page = await ana.browser.open(await terminal.address('/oauth/authorize'))
  await ana.consent(page, ['delete_entities'])
  const link = await terminal.address('/approvals/')
  assert.match(readFileSync(memory, 'utf8'), /Elba/)
  await bo.answer(link, true)
  terminal.pressEnter()
  assert.equal(await terminal.end(), 0)
  assert.match(terminal.said, /Entities deleted successfully/)
  assert.ok(!existsSync(memory) || !readFileSync(memory, 'utf8').includes('Elba'))
})

test('the page of the example shows the script as it is', () => {
  const page = readFileSync(join(script, '../README.md'), 'utf8')
  const shown = /```js\n([\s\S]*?)```/.exec(page)?.[1]
  assert.equal(shown, readFileSync(script, 'utf8'))
})
