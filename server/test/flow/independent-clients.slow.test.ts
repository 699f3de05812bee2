import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Client as SdkClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { Agent } from '../agent.ts'
import { redirectUri } from '../browser.ts'
import { openClientHost } from '../fake/client-host.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import { openFakeMcpServer } from '../fake/mcp-server.ts'
import { openHouse, type House } from '../house.ts'
import type { Person } from '../person.ts'

// Implementations that are not ours go the whole way by themselves: from the address of an upstream to its tools, and to
// tokens that were renewed. They check what they are told: the issuer, PKCE, the state and what the answer says of it.

const metadata = {
  client_name: 'Independent',
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
}

interface Way {
  house: House
  person: Person
  /** The client id, where the client is known by its document; absent: it registers itself. */
  described: string | undefined
  resource: string
}

/** What came of it: tokens that work, after they were renewed. */
type Login = (way: Way) => Promise<{ clientId: string; accessToken: string; refreshToken: string }>

const allowed = { [oauth.allowInsecureRequests]: true }

async function answerOf({ person }: Way, url: URL): Promise<URL> {
  return (await person.consent(await person.browser.open(url), ['get_asset'])).url
}

/** As `oauth4webapi` is used: step by step, each answer checked. */
const byOauth4webapi: Login = async (way) => {
  const resourceServer = await oauth
    .resourceDiscoveryRequest(new URL(way.resource), allowed)
    .then((answer) => oauth.processResourceDiscoveryResponse(new URL(way.resource), answer))
  const issuer = new URL(resourceServer.authorization_servers![0]!)
  const server = await oauth
    .discoveryRequest(issuer, { ...allowed, algorithm: 'oauth2' })
    .then((answer) => oauth.processDiscoveryResponse(issuer, answer))
  const client: oauth.Client =
    way.described === undefined
      ? await oauth
          .dynamicClientRegistrationRequest(server, metadata, allowed)
          .then((answer) => oauth.processDynamicClientRegistrationResponse(answer))
      : { client_id: way.described }
  const verifier = oauth.generateRandomCodeVerifier()
  const url = new URL(server.authorization_endpoint!)
  url.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: resourceServer.scopes_supported!.join(' '),
    state: 'a-state',
    resource: resourceServer.resource,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).toString()
  const answered = oauth.validateAuthResponse(server, client, await answerOf(way, url), 'a-state')
  const additionalParameters = new URLSearchParams({ resource: resourceServer.resource })
  const options = { ...allowed, additionalParameters }
  const tokens = await oauth
    .authorizationCodeGrantRequest(server, client, oauth.None(), answered, redirectUri, verifier, options)
    .then((answer) => oauth.processAuthorizationCodeResponse(server, client, answer))
  const renewed = await oauth
    .refreshTokenGrantRequest(server, client, oauth.None(), tokens.refresh_token!, options)
    .then((answer) => oauth.processRefreshTokenResponse(server, client, answer))
  return {
    clientId: client.client_id,
    accessToken: renewed.access_token,
    refreshToken: renewed.refresh_token!,
  }
}

/** As `openid-client` is used: by OpenID discovery and its own checks. */
const byOpenidClient: Login = async (way) => {
  const issuer = new URL(way.house.origin)
  const options = { execute: [openid.allowInsecureRequests] }
  const config =
    way.described === undefined
      ? await openid.dynamicClientRegistration(issuer, metadata, openid.None(), options)
      : await openid.discovery(issuer, way.described, metadata, openid.None(), options)
  const verifier = openid.randomPKCECodeVerifier()
  const state = openid.randomState()
  const nonce = openid.randomNonce()
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid mcp',
    resource: way.resource,
    state,
    nonce,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const tokens = await openid.authorizationCodeGrant(
    config,
    await answerOf(way, url),
    { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true },
    { resource: way.resource },
  )
  assert.equal(tokens.claims()?.sub, way.person.principal.id)
  const renewed = await openid.refreshTokenGrant(config, tokens.refresh_token!, { resource: way.resource })
  return {
    clientId: config.clientMetadata().client_id,
    accessToken: renewed.access_token,
    refreshToken: renewed.refresh_token!,
  }
}

/** What an application keeps for the SDK, of either version. */
class Keeper {
  readonly #way: Way
  readonly redirectUrl = redirectUri
  readonly clientMetadata = metadata
  readonly clientMetadataUrl: string | undefined
  #client: { client_id: string } | undefined
  #tokens: { access_token: string; refresh_token?: string | undefined; token_type: string } | undefined
  #verifier = ''
  #discovery: object | undefined
  answer = new URL('about:blank')

  constructor(way: Way) {
    this.#way = way
    this.clientMetadataUrl = way.described
  }

  clientInformation() {
    return this.#client
  }

  saveClientInformation(client: { client_id: string }): void {
    this.#client = client
  }

  tokens() {
    return this.#tokens
  }

  saveTokens(tokens: { access_token: string; refresh_token?: string | undefined; token_type: string }): void {
    this.#tokens = tokens
  }

  saveDiscoveryState(state: object): void {
    this.#discovery = state
  }

  discoveryState(): object | undefined {
    return this.#discovery
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier
  }

  codeVerifier(): string {
    return this.#verifier
  }

  async redirectToAuthorization(url: URL): Promise<void> {
    this.answer = await answerOf(this.#way, url)
  }

  /** The access token is not good any more: the SDK must renew it. */
  spoil(): void {
    this.#tokens = { ...this.#tokens!, access_token: 'spoilt' }
  }

  result() {
    const { access_token: accessToken, refresh_token: refreshToken } = this.#tokens!
    return { clientId: this.#client!.client_id, accessToken, refreshToken: refreshToken! }
  }
}

const listed = (tools: { tools: { name: string }[] }) => tools.tools.map(({ name }) => name)

const bySdk: Login = async (way) => {
  const keeper = new Keeper(way)
  const open = () => new StreamableHTTPClientTransport(new URL(way.resource), { authProvider: keeper as never })
  const first = open()
  await assert.rejects(new SdkClient({ name: 'new', version: '1' }).connect(first))
  await first.finishAuth(keeper.answer.searchParams)
  await first.close()
  keeper.spoil()
  const client = new SdkClient({ name: 'new', version: '1' })
  await client.connect(open())
  assert.deepEqual(listed(await client.listTools()), ['get_asset'])
  await client.close()
  return keeper.result()
}

const byOldSdk: Login = async (way) => {
  const keeper = new Keeper(way)
  const open = () => new OldTransport(new URL(way.resource), { authProvider: keeper as never })
  const first = open()
  await assert.rejects(new OldClient({ name: 'old', version: '1' }).connect(first as never))
  await first.finishAuth(keeper.answer.searchParams.get('code')!)
  await first.close()
  keeper.spoil()
  const client = new OldClient({ name: 'old', version: '1' })
  await client.connect(open() as never)
  assert.deepEqual(listed(await client.listTools()), ['get_asset'])
  await client.close()
  return keeper.result()
}

async function open(t: TestContext, known: 'by registration' | 'by its document'): Promise<Way> {
  const host = await openClientHost(t, { tls: true })
  host.document = metadata
  const upstream = await openFakeMcpServer({ tools: [toolNamed('get_asset'), toolNamed('update_asset')] })
  t.after(() => upstream.close())
  const house = await openHouse(t, { reach: [host.id, upstream.url] })
  await house.httpUpstream('mux', upstream.url)
  const person = await house.person('Ana', ['mux/*'])
  const described = known === 'by its document' ? host.id : undefined
  return { house, person, described, resource: `${house.origin}/mcp/mux` }
}

const ways: [name: string, login: Login][] = [
  ['oauth4webapi', byOauth4webapi],
  ['openid-client', byOpenidClient],
  ['the official SDK, version 2', bySdk],
  ['the official SDK, version 1', byOldSdk],
]
for (const [name, login] of ways) {
  for (const known of ['by registration', 'by its document'] as const) {
    test(`${name} goes the whole way by itself, known ${known}`, async (t) => {
      const way = await open(t, known)
      const { house, resource } = way
      const { clientId, accessToken, refreshToken } = await login(way)
      if (way.described !== undefined) assert.equal(clientId, way.described)
      const client = await house.rooms.oauth.findClient(clientId)
      assert.equal(client?.source, known === 'by registration' ? 'registration' : 'metadata-document')
      const tokens = { access_token: accessToken, refresh_token: refreshToken, expires_in: 0 }
      const agent = new Agent({ origin: house.url, upstream: 'mux', client: clientId, resource, tokens })
      assert.deepEqual(await agent.list(), ['get_asset'])
      assert.equal((await house.changes('grant.given')).length, 1, 'a person was asked once')
      assert.equal((await agent.refresh()).status, 200)
    })
  }
}
