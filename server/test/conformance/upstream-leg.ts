import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { Agent } from '../agent.ts'
import { unescapeHtml, type Page } from '../browser.ts'
import { finishConnection } from '../comeback.ts'
import { openHouse, type House } from '../house.ts'
import type { Person } from '../person.ts'

/** What the suite tells its client. */
export interface Told {
  url: string
  scenario: string
  revision: string
  context: {
    client_id?: string
    client_secret?: string
    private_key_pem?: string
    signing_algorithm?: string
    toolCalls?: { name: string; arguments: Record<string, unknown> }[]
  }
}

const name = 'suite'
const reason = 'the suite asks for it'
const documentScenario = 'auth/basic-cimd'
/**
 * Its server gives the answer of a call to whichever GET comes first after it, also to one that resumes nothing, which no
 * server may: a client that listened beside its call would race with that.
 */
const deafScenario = 'sse-retry'
/** How often an administrator is asked to connect one upstream again before they look for the fault elsewhere. */
const connectionsMax = 3

/**
 * Does with a gateway what the suite wants a client to do: the server of the suite becomes an upstream, an administrator
 * connects it where it asks for that, and an agent calls through the gateway.
 */
export async function driveUpstreamLeg(told: Told): Promise<string> {
  // The suite knows one metadata document by its address: that is then where this gateway says it is.
  const origin = told.scenario === documentScenario ? { origin: 'https://conformance-test.local' } : {}
  const house = await openHouse(undefined, { reach: listening(), ...origin })
  const leg = new Leg(house, told)
  try {
    await leg.run()
    return 'done'
  } finally {
    await leg.close()
    await house.close()
  }
}

class Leg {
  readonly #house: House
  readonly #told: Told
  #clients: Client[] = []
  #connected = 0

  constructor(house: House, told: Told) {
    this.#house = house
    this.#told = told
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
  }

  async run(): Promise<void> {
    const { inventory, gateway } = this.#house.rooms
    const [admin, reviewer] = [
      await this.#house.person('admin', ['administer']),
      await this.#house.person('reviewer', ['administer']),
    ]
    const by = admin.principal.id
    const launch = { kind: 'http', url: this.#told.url } as const
    await inventory.proposeUpstream({ name, launch, purpose: 'to be tested', by, ownerId: by, reason })
    await inventory.stepUpstream({ by, name, to: 'in_review', reason })
    await gateway.look((await inventory.findUpstream(name))!)
    await inventory.stepUpstream({ by: reviewer.principal.id, name, to: 'approved', reason })
    while ((await this.#probeError()) !== undefined && this.#connected < connectionsMax) await this.#connect(admin)
    // Some servers of the suite only want to be met.
    if ((await inventory.listTools(name)).length === 0 && (await this.#probeError()) === undefined) return
    const tools = await this.#accept(reviewer)
    // At that address nobody of this machine can sign in.
    if (this.#told.scenario === documentScenario) return
    const agent = await this.#agent()
    // There the suite serves a list and nothing else.
    if (this.#told.scenario === 'json-schema-ref-no-deref') return void (await agent.listTools())
    for (const call of await this.#calls(agent, tools)) await this.#call(agent, admin, call)
  }

  async #probeError(): Promise<string | undefined> {
    return (await this.#house.rooms.inventory.findUpstream(name))?.probeError
  }

  /** The administrator's way: the form of the upstream's page, the authorization server, and back. */
  async #connect(admin: Person): Promise<void> {
    this.#connected++
    const { client_id: clientId, client_secret: clientSecret, private_key_pem: privateKey } = this.#told.context
    const page = await admin.browser.open(`/upstreams/${name}`)
    const client = { ...(clientId && { clientId }), ...(clientSecret && { clientSecret }) }
    if (this.#told.scenario.startsWith('auth/client-credentials')) {
      const values = { ...client, ...(privateKey && { privateKey }), issuer: await this.#issuer(), reason }
      const to = `/upstreams/${name}/connect-unattended`
      return succeeded(await admin.browser.submit(page, values, { to }))
    }
    const begun = await admin.browser.submit(page, { ...client, reason }, { to: `/upstreams/${name}/connect` })
    succeeded(begun)
    const link = /<a class="button primary" href="([^"]+)"/.exec(begun.text)?.[1]
    assert.ok(link, begun.text)
    const back = await fetch(unescapeHtml(link), { redirect: 'manual' })
    const { pathname, search } = new URL(back.headers.get('location')!)
    const shown = await admin.browser.open(pathname + search)
    succeeded(shown)
    succeeded(await finishConnection(admin, shown))
  }

  /** What the administrator of a company knows of its servers; here the suite alone knows it, and says it. */
  async #issuer(): Promise<string> {
    const { origin, pathname } = new URL(this.#told.url)
    const metadata = await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`)
    return ((await metadata.json()) as { authorization_servers: string[] }).authorization_servers[0]!
  }

  async #accept(reviewer: Person): Promise<string[]> {
    const { inventory } = this.#house.rooms
    const by = reviewer.principal.id
    const tools = (await inventory.listTools(name)).filter((tool) => tool.liveDigest !== undefined)
    assert.ok(tools.length > 0, `no tools: ${await this.#probeError()}`)
    const digests = Object.fromEntries(tools.map((tool) => [tool.name, tool.liveDigest!]))
    await inventory.pinTools({ by, upstream: name, digests, reason })
    for (const { name: tool } of tools) {
      await inventory.setEffect({ by, upstream: name, tool, effect: 'read', traits: [], reason })
      // What the suite sends as arguments names nothing, though it may look as if it did: the owner says so.
      const sent = this.#told.context.toolCalls?.find((call) => call.name === tool)?.arguments ?? {}
      const free = tool === 'json_schema_echo' ? ['schema'] : Object.keys(sent)
      for (const argument of free.filter((key) => !['number', 'boolean'].includes(typeof sent[key]))) {
        await inventory.allowArgument({ by, upstream: name, tool, argument, reason })
      }
    }
    return tools.map((tool) => tool.name)
  }

  async #agent(): Promise<Client> {
    const person = await this.#house.person('ana', [`${name}/*`])
    const agent: Agent = await person.connect(name, 'all')
    const modern = this.#told.revision === '2026-07-28'
    const client = new Client(
      { name: 'an agent', version: '1' },
      {
        capabilities: { elicitation: { form: { applyDefaults: true } }, sampling: {}, roots: {} },
        versionNegotiation: { mode: modern ? { pin: '2026-07-28' } : 'legacy' },
      },
    )
    client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { confirmed: true } }))
    let stream: Promise<Response> | undefined
    const transport = new StreamableHTTPClientTransport(new URL(`${this.#house.url}/mcp/${name}`), {
      requestInit: { headers: { authorization: `Bearer ${agent.tokens.access_token}` } },
      fetch: async (input, init) => {
        if (init?.method !== 'GET') return fetch(input, init)
        if (this.#told.scenario === deafScenario) return new Response(null, { status: 405 })
        stream = fetch(input, init)
        return stream
      },
    })
    this.#clients.push(client)
    await client.connect(transport)
    // What the suite asks outside of a call is lost on a client that does not listen yet.
    await stream
    return client
  }

  async #calls(agent: Client, tools: string[]): Promise<{ name: string; arguments: Record<string, unknown> }[]> {
    const listed = tools.includes('json_schema_echo') ? (await agent.listTools()).tools : []
    const schema = listed.find((tool) => tool.name === 'json_schema_2020_12_tool')?.inputSchema
    const declared: Record<string, Record<string, unknown>> = {
      add_numbers: { a: 5, b: 3 },
      valid_tool: { region: 'eu' },
      json_schema_echo: { schema },
    }
    return this.#told.context.toolCalls ?? tools.map((tool) => ({ name: tool, arguments: declared[tool] ?? {} }))
  }

  /** A call; where the upstream refuses the gateway's authorization an administrator connects it again, a few times. */
  async #call(agent: Client, admin: Person, call: { name: string; arguments: Record<string, unknown> }): Promise<void> {
    for (;;) {
      try {
        const { isError, content } = await agent.callTool(call)
        const [first] = content
        assert.ok(
          isError !== true || first?.type !== 'text' || !first.text.includes('was not called'),
          JSON.stringify(first),
        )
        return
      } catch (error) {
        // The client of the SDK wants what the specification wants; the gateway passes on what came.
        if (String(error).includes('missing required resultType')) return
        if (!/upstream_refused|authorization has ended|credential/.test(String(error))) throw error
        if (this.#connected === 0 || this.#connected >= connectionsMax) throw error
        await this.#connect(admin)
      }
    }
  }
}

function succeeded(page: Page): void {
  assert.equal(page.status, 200, page.text.replaceAll(/<[^>]+>|\s+/g, ' '))
}

/** Every address of this machine at which something listens: the suite tells where its server is, but not its helpers. */
function listening(): string[] {
  const table = ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFileSync(file, 'utf8')).join('\n')
  const lines = table.split('\n').map((line) => line.trim().split(/\s+/))
  const ports = lines.filter((fields) => fields[3] === '0A').map((fields) => parseInt(fields[1]!.split(':')[1]!, 16))
  return [...new Set(ports)].flatMap((port) => [`http://127.0.0.1:${port}`, `http://localhost:${port}`])
}
