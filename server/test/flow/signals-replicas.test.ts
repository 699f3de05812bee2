import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { about, caep, risc } from '../fake/transmitter.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { openHouse } from '../house.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { issSub, push, signalOptions } from '../signal-house.ts'

let postgres: TestPostgres | undefined
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres?.stop())

test('an event that comes at two replicas at once, and again later, is taken once', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const databaseUrl = await postgres!.createDatabase()
  const env = { ...options.env, SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') }
  const one = await openHouse(t, { ...options, databaseUrl, env })
  const two = await openHouse(t, { ...options, databaseUrl, env: { ...env, SALLYPORT_ORIGIN: one.origin } })
  const urls = [one.url, await openHostProxy(t, two)]
  const ana = await one.person('ana')
  for (const event of [`${caep}session-revoked`, `${caep}credential-change`, `${risc}account-disabled`]) {
    const token = await transmitter.write(about(issSub('ana'), event))
    const answers = await Promise.all([...urls, ...urls, ...urls].map((url) => push({ url }, token)))
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]))
  }
  for (const what of ['principal.signed_out', 'principal.sign_in_demanded', 'principal.disabled']) {
    assert.equal((await two.changes(what)).length, 1, what)
  }
  assert.equal((await two.rooms.identity.findPrincipal(ana.principal.id))?.state, 'disabled')
  const [shown] = await two.rooms.identity.signals.listTransmitters()
  assert.equal(shown?.signals.length, 3)
})
