import type { TestContext } from 'node:test'
import { about, audience, type FakeTransmitter, openFakeTransmitter } from './fake/transmitter.ts'
import type { House, HouseOptions } from './house.ts'

/** The provider that the people of these tests come from; nobody contacts it. */
export const people = 'https://login.example'
/** What the transmitter proves itself by, beside its signature. */
export const authorization = 'Bearer of the agreed header'

/** What was answered to a push. */
export interface Pushed {
  status: number
  headers: Headers
  text: string
  /** `err` of the body, where there is one. */
  err: string | undefined
}

/** The options of a house that hears of `people`, or of those of the application `bridge`, from a transmitter named `okta`. */
export async function signalOptions(
  t: TestContext,
  how: { push?: boolean; poll?: boolean; open?: boolean; bridge?: string } = { push: true },
): Promise<{ transmitter: FakeTransmitter; options: HouseOptions }> {
  const transmitter = await openFakeTransmitter(t)
  const whose = how.bridge === undefined ? people : `bridge:${how.bridge}`
  const signals = [
    {
      id: 'okta',
      issuer: transmitter.issuer,
      jwksUri: transmitter.jwksUri,
      audience,
      people: whose,
      ...(how.push && { push: how.open ? {} : { authorizationEnv: 'OKTA_PUSH' } }),
      ...(how.poll && { poll: { url: transmitter.pollUrl, tokenEnv: 'OKTA_POLL', everySeconds: 1 } }),
    },
  ]
  const oidc = [{ id: 'login', name: 'Login', issuer: people, clientId: 'sallyport' }]
  const bridge = [{ id: how.bridge, name: 'App', loginUrl: 'https://app.example/connect', secretEnv: 'APP_SECRET' }]
  const login = how.bridge === undefined ? { oidc } : { oidc, bridge }
  return {
    transmitter,
    options: {
      yaml: `login: ${JSON.stringify(login)}\nsignals: ${JSON.stringify(signals)}`,
      env: { OKTA_PUSH: authorization, OKTA_POLL: 'the-poll-token', APP_SECRET: 'of-32-characters-and-a-few-more-of' },
      reach: [transmitter.issuer],
      people: whose,
    },
  }
}

/** Pushes a token, as a transmitter does. */
export async function push(
  house: Pick<House, 'url'>,
  token: string,
  headers: Record<string, string> = {},
): Promise<Pushed> {
  const answer = await fetch(`${house.url}/signals/okta`, {
    method: 'POST',
    headers: { 'content-type': 'application/secevent+jwt', accept: 'application/json', authorization, ...headers },
    body: token,
  })
  const text = await answer.text()
  const err = text === '' ? undefined : (JSON.parse(text) as { err?: string }).err
  return { status: answer.status, headers: answer.headers, text, err }
}

/** A person of the provider, as events name them. */
export const issSub = (sub: string, iss = people) => ({ format: 'iss_sub', iss, sub })

/** Writes and pushes an event about a person. */
export async function pushEvent(
  house: Pick<House, 'url'>,
  transmitter: FakeTransmitter,
  of: { sub: string; event: string; payload?: Record<string, unknown>; claims?: Record<string, unknown> },
): Promise<Pushed> {
  const claims = { ...about(issSub(of.sub), of.event, of.payload), ...of.claims }
  return push(house, await transmitter.write(claims))
}
