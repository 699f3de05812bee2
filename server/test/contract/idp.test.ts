import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { readConfig } from '../../src/base/config.ts'
import { openDialer } from '../../src/base/dial.ts'
import { Fault } from '../../src/base/fault.ts'
import { openBridge } from '../../src/identity/idp/bridge.ts'
import { openLocal } from '../../src/identity/idp/local.ts'
import { openOidc } from '../../src/identity/idp/oidc.ts'
import type { Person, RedirectIdp } from '../../src/identity/idp.ts'
import { openPasswordHasher } from '../../src/identity/password.ts'
import { findPasswordOf, insertPassword, updatePasswordHash } from '../../src/store/passwords.ts'
import { insertPrincipal } from '../../src/store/principals.ts'
import { openStore } from '../../src/store/store.ts'
import { openFakeIdp } from '../fake/idp.ts'

/** Somebody, as the provider knows him; `more` is what else it says of him, by the names of OpenID Connect. */
interface Known {
  id: string
  name: string
  email: string
  more?: { groups?: string[]; auth_time?: number; acr?: string; amr?: string[] }
}

/** What can be done at a provider of any kind. */
interface Bench {
  /** Somebody proves who he is. */
  signIn(who: Known): Promise<Person | undefined>
  /** Somebody says that he is somebody, and proves it by what is wrong. */
  pretend(who: Known): Promise<Person | undefined>
  /**
   * A proof that was used, once more. A password is good again, so a form says who it is each time, and is judged each time:
   * there it is what was typed in before the password was replaced.
   */
  replay(who: Known): Promise<Person | undefined>
  /** Whether it says more of a login than who it is. */
  tells: boolean
}

const state = 'the state of this login'
const callback = 'http://127.0.0.1/sign-in/callback/company'
const noKeys = {
  signing: () => Promise.reject(new Error('it does not sign')),
  published: async () => ({ keys: [] }),
}

async function openOidcBench(t: TestContext, asksGroups = true): Promise<Bench> {
  const fake = await openFakeIdp({ id: 'us', secret: 'known to both' }, { sub: 'nobody' })
  t.after(() => fake.close())
  const dialer = openDialer({ allowPrivate: [fake.authority] })
  t.after(() => dialer.close())
  const claims = asksGroups ? ', claims: {groups: groups}' : ''
  const yaml = `login: {oidc: [{id: company, name: Company, issuer: '${fake.issuer}', clientId: us, clientSecretEnv: S${claims}}]}`
  const config = readConfig({ file: { path: 'x.yaml', text: yaml }, env: { S: 'known to both' }, cwd: '/' })
  const idp = openOidc({ provider: config.login.oidc[0]!, dialer, clock: systemClock, keys: noKeys })
  const go = async (who: Known) => {
    fake.person = { sub: who.id, name: who.name, email: who.email, ...who.more }
    const { url, kept } = await idp.begin({ state, callback })
    const sent = await fetch(url, { redirect: 'manual' })
    return { url: new URL(sent.headers.get('location')!), state, kept }
  }
  return {
    signIn: async (who) => idp.complete(await go(who)),
    async pretend(who) {
      const back = await go(who)
      back.url.searchParams.set('code', 'made up')
      return idp.complete(back)
    },
    async replay(who) {
      const back = await go(who)
      await idp.complete(back)
      return idp.complete(back)
    },
    tells: true,
  }
}

async function openBridgeBench(): Promise<Bench> {
  const secret = randomBytes(32).toString('base64url')
  const config = { id: 'app', name: 'App', loginUrl: 'https://app.example.com/connect', secret }
  const idp = openBridge(config, systemClock)
  const complete = (kept: Record<string, string>, code: string) => {
    const url = new URL(`${callback}?${new URLSearchParams({ state, code }).toString()}`)
    return (idp as RedirectIdp).complete({ url, state, kept })
  }
  const vouch = async ({ id, name, email, more }: Known, by = secret) => {
    const { kept } = await idp.begin({ state, callback })
    const said = idp.vouch(`Bearer ${by}`, { external_auth_id: state, user: { id, name, email, ...more } })
    return { code: said.code, kept: { ...kept, ...said.kept } }
  }
  return {
    async signIn(who) {
      const { kept, code } = await vouch(who)
      return complete(kept, code)
    },
    async pretend(who) {
      const { kept } = await vouch(who)
      return complete(kept, 'made up')
    },
    async replay(who) {
      // The code is kept with the login that it was given for: with another one it is worth nothing.
      const { code } = await vouch(who)
      return complete((await vouch(who)).kept, code)
    },
    tells: true,
  }
}

async function openLocalBench(t: TestContext): Promise<Bench> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-idp-'))
  t.after(() => rmSync(dataFolder, { recursive: true, force: true }))
  const store = await openStore({ dataFolder })
  t.after(() => store.close())
  const hasher = openPasswordHasher()
  const idp = openLocal({ store, hasher })
  const known = new Set<string>()
  const check = async (who: Known, password: string) => {
    const login = who.id.toLowerCase()
    if (!known.has(who.id)) {
      const rest = { kind: 'person', state: 'active', createdAt: 1 } as const
      const name = who.name.replaceAll(/\p{Cc}/gu, '').slice(0, 100)
      await insertPrincipal(store, { id: who.id, issuer: 'local', subject: who.id, name, email: who.email, ...rest })
      const hash = await hasher.hash('correct horse battery')
      await insertPassword(store, { principalId: who.id, login, hash, changedAt: 1, passkeyOnly: false })
      known.add(who.id)
    }
    const answer = await idp.check({ login, password })
    return answer.ok ? answer.person : undefined
  }
  return {
    signIn: (who) => check(who, 'correct horse battery'),
    pretend: (who) => check(who, 'another one'),
    async replay(who) {
      await check(who, 'correct horse battery')
      const usual = (await findPasswordOf(store, who.id))!.hash
      const newer = await hasher.hash('a newer one')
      await updatePasswordHash(store, who.id, { from: usual, to: newer })
      const again = await check(who, 'correct horse battery')
      await updatePasswordHash(store, who.id, { from: newer, to: usual })
      return again
    },
    tells: false,
  }
}

const kinds: Record<string, (t: TestContext) => Promise<Bench>> = {
  oidc: openOidcBench,
  bridge: openBridgeBench,
  local: openLocalBench,
}

const ana: Known = { id: 'a-1', name: 'Ana Lima', email: 'ana@example.org' }

/** Nobody: by a fault of this room, or by the answer that nobody proved anything. */
async function isNobody(trying: Promise<Person | undefined>): Promise<void> {
  const came = await trying.catch((error: unknown) => {
    assert.ok(error instanceof Fault && error.code.startsWith('identity.'), String(error))
    return undefined
  })
  assert.equal(came, undefined)
}

for (const [kind, open] of Object.entries(kinds)) {
  test(`${kind}: who proves who he is is told by issuer and subject, with a name for display`, async (t) => {
    const person = await (await open(t)).signIn(ana)
    assert.ok(person !== undefined && person.issuer.length > 0)
    assert.deepEqual([person.subject, person.name, person.email], [ana.id, ana.name, ana.email])
  })

  test(`${kind}: the same person is the same, and another is another, whatever the e-mail says`, async (t) => {
    const bench = await open(t)
    const one = await bench.signIn(ana)
    const again = await bench.signIn(ana)
    const other = await bench.signIn({ ...ana, id: 'a-2' })
    const keyOf = (person: Person | undefined) => [person?.issuer, person?.subject]
    assert.deepEqual(keyOf(again), keyOf(one))
    assert.equal(other?.email, one?.email)
    assert.notDeepEqual(keyOf(other), keyOf(one))
  })

  test(`${kind}: who proves nothing is nobody, and so is who comes with a proof that was used`, async (t) => {
    const bench = await open(t)
    await isNobody(bench.pretend(ana))
    await isNobody(bench.replay(ana))
    assert.equal((await bench.signIn(ana))?.subject, ana.id, 'and the right proof is taken afterwards')
  })

  test(`${kind}: a name is short and can be shown, whatever it was`, async (t) => {
    const person = await (await open(t)).signIn({ ...ana, name: `Ana\n\u0000${'x'.repeat(300)}` })
    assert.match(person!.name, /^Ana.{1,97}$/)
  })

  test(`${kind}: of groups and of how somebody signed in it says what it was told, and nothing more`, async (t) => {
    const bench = await open(t)
    const plain = await bench.signIn(ana)
    const at = Math.floor(Date.now() / 1_000) - 60
    const told = { groups: ['Staff', 'On call'], auth_time: at, acr: 'urn:example:strong', amr: ['pwd', 'otp'] }
    const full = await bench.signIn({ ...ana, id: 'a-3', more: told })
    if (!bench.tells) {
      for (const person of [plain, full]) assert.deepEqual([person!.groups, person!.login], [undefined, undefined])
      return
    }
    assert.deepEqual([plain!.login?.at, plain!.login?.acr, plain!.login?.amr ?? []], [0, undefined, []])
    assert.deepEqual(full!.groups, told.groups)
    assert.deepEqual(
      [full!.login?.at, full!.login?.acr, full!.login?.amr],
      [at * 1_000, 'urn:example:strong', ['pwd', 'otp']],
    )
    const ahead = await bench.signIn({ ...ana, id: 'a-4', more: { auth_time: at + 3_600 } })
    const { at: taken } = ahead!.login!
    assert.ok(taken > at * 1_000 && taken <= Date.now(), 'a login of the future is one of now')
  })
}

test('oidc: groups that were not asked for are not taken, whatever the provider says of them', async (t) => {
  const bench = await openOidcBench(t, false)
  assert.equal((await bench.signIn({ ...ana, more: { groups: ['Staff'] } }))!.groups, undefined)
})

test('bridge: groups that are not named are not said to be none', async () => {
  const bench = await openBridgeBench()
  assert.equal((await bench.signIn(ana))!.groups, undefined)
  assert.deepEqual((await bench.signIn({ ...ana, more: { groups: [] } }))!.groups, [])
})
