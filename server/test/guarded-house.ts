import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Agent } from './agent.ts'
import type { Page } from './browser.ts'
import { finishConnection, leadBack } from './comeback.ts'
import { openFakeAuthorizationServer, type FakeAuthorizationServer } from './fake/authorization-server.ts'
import { toolNamed } from './fake/fake-tools.ts'
import { readProof } from './fake/proof.ts'
import { openFakeMcpServer, type FakeMcpServer } from './fake/mcp-server.ts'
import { openHouse, type House, type HouseOptions } from './house.ts'
import type { Person } from './person.ts'

/** A house with an upstream, `vaulted`, that wants a token of an authorization server. */
export interface GuardedHouse {
  house: House
  fake: FakeMcpServer
  server: FakeAuthorizationServer
  /** Another one, which the upstream does not name. */
  other: FakeAuthorizationServer
  /** What the upstream says of itself and asks for; every member may be changed. */
  asks: {
    issuer: string
    scope: string | undefined
    forMore: string | undefined
    /** Takes bound tokens only, and says so in its metadata or in its challenge; which proofs it has taken. */
    proof?: { said: 'in metadata' | 'by challenge'; nonce: string | undefined; taken: string[] }
  }
  admin: Person
  /** The administrator's way as far as the page that leads to the authorization server. */
  begin(values?: Record<string, string>): Promise<Page>
  /** Follows the link of that page to the authorization server and back; nothing is finished yet. */
  comeBack(begun: Page, by?: Person): Promise<Page>
  /** The whole way. */
  connect(values?: Record<string, string>): Promise<Page>
  /** Accepts the tools and connects an agent to them. */
  agent(): Promise<Agent>
  page(): Promise<Page>
}

const name = 'vaulted'
const reason = 'for a test'

/** An upstream that wants a token, and the authorization servers of this machine. */
export interface GuardedUpstream extends Pick<GuardedHouse, 'fake' | 'server' | 'other' | 'asks'> {
  close(): Promise<void>
}

/** Opens an upstream that names `server`. */
export async function openGuardedUpstream(): Promise<GuardedUpstream> {
  const server = await openFakeAuthorizationServer()
  const other = await openFakeAuthorizationServer()
  const inputSchema = { type: 'object', properties: { text: { type: 'string' } } }
  const fake = await openFakeMcpServer({ era: 'modern', tools: [toolNamed('echo', { inputSchema })] })
  const asks: GuardedHouse['asks'] = { issuer: server.issuer, scope: undefined, forMore: undefined }
  guard(fake, [server, other], asks)
  const close = async () => void (await Promise.all([server.close(), other.close(), fake.close()]))
  return { server, other, fake, asks, close }
}

/** Opens such a house; the upstream is approved, and nothing is connected. */
export async function openGuardedHouse(t: TestContext, options: HouseOptions = {}): Promise<GuardedHouse> {
  const { server, other, fake, asks, close } = await openGuardedUpstream()
  t.after(close)
  const house = await openHouse(t, { reach: [fake.url, server.issuer, other.issuer], ...options })
  const admin = await house.person('admin', ['administer'])
  const { inventory, gateway } = house.rooms
  const by = admin.principal.id
  const launch = { kind: 'http', url: fake.url } as const
  await inventory.proposeUpstream({ name, launch, purpose: 'to be tested', by: 'set-up', ownerId: by, reason })
  await inventory.stepUpstream({ by, name, to: 'in_review', reason })
  await inventory.stepUpstream({ by, name, to: 'approved', reason })

  const guarded: GuardedHouse = {
    house,
    fake,
    server,
    other,
    asks,
    admin,
    page: () => admin.browser.open(`/upstreams/${name}`),
    async begin(values = {}) {
      return admin.browser.submit(await guarded.page(), { reason, ...values }, { to: `/upstreams/${name}/connect` })
    },
    async comeBack(begun, person = admin) {
      return person.browser.open(await leadBack(begun, house.origin))
    },
    async connect(values = {}) {
      const shown = await guarded.comeBack(await guarded.begin(values))
      const done = await finishConnection(admin, shown)
      assert.equal(done.status, 200, done.text)
      return done
    },
    async agent() {
      await gateway.look((await inventory.findUpstream(name))!)
      const tools = await inventory.listTools(name)
      const digests = Object.fromEntries(tools.map((tool) => [tool.name, tool.liveDigest!]))
      await inventory.pinTools({ by, upstream: name, digests, reason })
      await inventory.setEffect({ by, upstream: name, tool: 'echo', effect: 'read', traits: [], reason })
      return (await house.person('ana', [`${name}/echo`])).connect(name, 'all')
    },
  }
  return guarded
}

/** Makes a fake upstream one that wants tokens: it names its authorization server, and refuses what that did not issue. */
function guard(fake: FakeMcpServer, servers: FakeAuthorizationServer[], asks: GuardedHouse['asks']): void {
  fake.options.intercept = ({ method, url, headers, message }, response) => {
    if (method === 'GET' && url.startsWith('/.well-known/oauth-protected-resource')) {
      const said = asks.proof?.said === 'in metadata' && { dpop_bound_access_tokens_required: true }
      const metadata = { resource: fake.url, authorization_servers: [asks.issuer], ...said }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(metadata))
      return true
    }
    const challenge = (error: string, scope: string | undefined) =>
      `${asks.proof?.said === 'by challenge' ? 'DPoP' : 'Bearer'} error="${error}"${scope === undefined ? '' : `, scope="${scope}"`}`
    const [scheme, token = ''] = headers.authorization?.split(' ') ?? []
    const server = servers.find((one) => one.isGood(token))
    if (server === undefined) {
      response.writeHead(401, { 'www-authenticate': challenge('invalid_token', asks.scope) }).end()
      return true
    }
    const bound = server.boundTo(token)
    if (asks.proof !== undefined || bound !== undefined) {
      const proof = readProof(headers['dpop'], { method, url: fake.url, token })
      const fresh = proof !== undefined && asks.proof?.taken.includes(proof.jti) === false
      if (asks.proof?.nonce !== undefined) response.setHeader('dpop-nonce', asks.proof.nonce)
      const wrong = scheme !== 'DPoP' || bound === undefined || bound !== proof?.jkt || !fresh
      if (wrong || proof.nonce !== asks.proof?.nonce) {
        const error = wrong ? 'invalid_dpop_proof' : 'use_dpop_nonce'
        response.writeHead(401, { 'www-authenticate': `DPoP error="${error}"` }).end()
        return true
      }
      asks.proof?.taken.push(proof.jti)
    }
    if (message?.method !== 'tools/call' || asks.forMore === undefined) return false
    response.writeHead(403, { 'www-authenticate': challenge('insufficient_scope', asks.forMore) }).end()
    return true
  }
}
