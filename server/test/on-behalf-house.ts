import type { TestContext } from 'node:test'
import type { Agent } from './agent.ts'
import { whoIs } from './administrator.ts'
import { type FakeIdp, openFakeIdp } from './fake/idp.ts'
import { openGuardedUpstream, type GuardedUpstream } from './guarded-house.ts'
import { openHouse, type House, type HouseOptions } from './house.ts'
import { Person } from './person.ts'

/** A house with an upstream, `vaulted`, that is called in the name of who calls. */
export interface OnBehalfHouse extends Pick<GuardedUpstream, 'fake' | 'server' | 'other' | 'asks'> {
  house: House
  /** What it was opened with, to open another replica. */
  options: HouseOptions
  idp: FakeIdp
  /** A person of the house with the right to `echo`, who signed in otherwise than by the provider. */
  person(name: string): Promise<Person>
  /** Signs in through the provider, as whom it knows by this name, and has the right to `echo`. */
  arrive(sub: string): Promise<Person>
  /** What reached the upstream of calls: the bearer token and the argument of each. */
  calls(): { token: string; text: unknown }[]
}

const reason = 'for a test'
const client = { id: 'sallyport', secret: 'the client secret' }

/** Opens one. `entry` says what stands under `onBehalf.vaulted`. */
export async function openOnBehalfHouse(
  t: TestContext,
  entry: (of: GuardedUpstream & { idp: FakeIdp }) => Record<string, unknown>,
  options: HouseOptions & { scopes?: string[]; effect?: 'read' | 'destructive' } = {},
): Promise<OnBehalfHouse> {
  const guarded = await openGuardedUpstream()
  t.after(() => guarded.close())
  const idp = await openFakeIdp(client, { sub: 'ana' })
  t.after(() => idp.close())
  const { fake, server, other } = guarded
  const provider = {
    id: 'corp',
    name: 'Corp',
    issuer: idp.issuer,
    clientId: client.id,
    clientSecretEnv: 'IDP_SECRET',
    scopes: options.scopes ?? ['openid'],
  }
  const yaml = [
    `login: ${JSON.stringify({ oidc: [provider] })}`,
    `onBehalf: ${JSON.stringify({ vaulted: entry({ ...guarded, idp }) })}`,
    options.yaml ?? '',
  ].join('\n')
  const env = { IDP_SECRET: client.secret, UPSTREAM_SECRET: 'of the client at the upstream', ...options.env }
  const reach = [fake.url, server.issuer, other.issuer, idp.issuer, ...(options.reach ?? [])]
  const opened = { ...options, yaml, env, reach }
  const house = await openHouse(t, opened)
  await enter(house, guarded, options.effect ?? 'read')

  return {
    ...guarded,
    house,
    options: opened,
    idp,
    person: (name) => house.person(name, ['vaulted/echo']),
    async arrive(sub) {
      idp.person = { sub, name: sub }
      const browser = house.browser()
      const page = await browser.open('/sign-in?return_to=/sign-out')
      await browser.follow(page, '/sign-in/with/corp?return_to=/sign-out')
      const { principal } = (await whoIs(house, browser))!
      const right = { principalId: principal.id, right: 'use', upstream: 'vaulted' } as const
      const held = await house.rooms.inventory.listEntitlements({ principalId: principal.id, upstream: 'vaulted' })
      if (held.length === 0) await house.rooms.inventory.entitle({ by: 'set-up', reason, tools: ['echo'], ...right })
      return new Person(house, principal, browser)
    },
    calls: () =>
      fake.journal
        .filter(({ message }) => message?.method === 'tools/call')
        .map(({ headers, message }) => ({
          token: headers.authorization?.slice('Bearer '.length) ?? '',
          text: (message!.params!['arguments'] as { text: unknown }).text,
        })),
  }
}

/** The upstream is looked at with the organisation's own credential, which no call uses. */
async function enter(house: House, { fake, server }: GuardedUpstream, effect: 'read' | 'destructive'): Promise<void> {
  const { inventory, gateway } = house.rooms
  const [by, name] = [(await house.person('owner', ['administer'])).principal.id, 'vaulted']
  const launch = { kind: 'http', url: fake.url } as const
  await inventory.proposeUpstream({ name, launch, purpose: 'to be tested', by: 'set-up', ownerId: by, reason })
  await inventory.stepUpstream({ by, name, to: 'in_review', reason })
  await inventory.stepUpstream({ by, name, to: 'approved', reason })
  const upstream = (await inventory.findUpstream(name))!
  const robot = { id: 'robot', secret: 'of the robot' }
  await gateway.connections.connectUnattended(upstream, by, { issuer: server.issuer, client: robot, reason })
  await gateway.look(upstream)
  const digests = Object.fromEntries((await inventory.listTools(name)).map((tool) => [tool.name, tool.liveDigest!]))
  await inventory.pinTools({ by, upstream: name, digests, reason })
  await inventory.setEffect({ by, upstream: name, tool: 'echo', effect, traits: [], reason })
}

/** Says who the token of a call belongs to, by what it was asked for. */
export function holderOf(of: Pick<OnBehalfHouse, 'server'>, token: string): Record<string, unknown> | undefined {
  const issued = of.server.issued.find((one) => one.token === token)
  const assertion = issued?.fields['assertion'] ?? issued?.fields['subject_token']
  if (assertion === undefined) return undefined
  return JSON.parse(Buffer.from(assertion.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>
}

/** Every token that a client was given by the house. */
export function clientTokens(...agents: Agent[]): string[] {
  return agents.flatMap(({ tokens }) => [tokens.access_token, tokens.refresh_token ?? '']).filter((one) => one !== '')
}
