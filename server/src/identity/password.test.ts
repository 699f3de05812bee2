import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../base/fault.ts'
import { openPasswordHasher, readPassword } from './password.ts'

const about = { login: 'ana.work@example.org', name: 'Ana Margarita' }
const refused = (why: RegExp) => (error: unknown) =>
  error instanceof Fault && error.code === 'identity.password_refused' && why.test(error.message)

test('a hash is a PHC string of argon2id at the recommended cost, and different each time', async () => {
  const hasher = openPasswordHasher()
  const [one, two] = await Promise.all([hasher.hash('correct horse battery'), hasher.hash('correct horse battery')])
  assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  assert.notEqual(one, two)
  assert.deepEqual(await hasher.check('correct horse battery', one), { ok: true, stale: false })
  assert.deepEqual(await hasher.check('correct horse batterY', one), { ok: false, stale: false })
})

test('a hash of the reference implementation is understood, and is stale at another cost', async () => {
  // Of the argon2 reference tests: argon2id, m=256, t=2, p=1, password `password`, salt `somesalt`.
  const known = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4'
  assert.deepEqual(await openPasswordHasher().check('password', known), { ok: true, stale: true })
})

test('without a hash the answer is no', async () => {
  assert.equal((await openPasswordHasher().check('anything at all', undefined)).ok, false)
})

test('the same password typed in another normal form is the same', async () => {
  const hasher = openPasswordHasher()
  const hash = await hasher.hash(readPassword('smørrebrød på ø’en', about))
  assert.equal((await hasher.check('smørrebrød på ø’en'.normalize('NFD'), hash)).ok, true)
})

test('a stored hash that asks for gigabytes or is no hash is not computed', async () => {
  const hasher = openPasswordHasher()
  const tag = 'nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4'
  for (const hash of [
    `$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$${tag}`,
    `$argon2id$v=19$m=256,t=999,p=1$c29tZXNhbHQ$${tag}`,
    `$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$${tag}`,
    '$2b$10$abcdefghijklmnopqrstuv',
    '',
  ]) {
    await assert.rejects(hasher.check('password', hash), { code: 'store.unavailable' })
  }
})

test('too many checks at once are refused rather than queued without end', async () => {
  const hasher = openPasswordHasher()
  const known = '$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4'
  const all = await Promise.allSettled(Array.from({ length: 60 }, () => hasher.check('password', known)))
  const refusals = all.filter((one) => one.status === 'rejected')
  assert.equal(refusals.length, 8)
  for (const one of refusals) assert.equal((one.reason as Fault).code, 'base.busy')
  assert.equal((await hasher.check('password', known)).ok, false, 'and it works again afterwards')
})

test('short, long, common and personal passwords are refused, each with its reason', () => {
  const wrong: [string, RegExp][] = [
    ['eleven char', /fewer than 12/],
    ['😀'.repeat(11), /fewer than 12/],
    ['x1y2z'.repeat(41), /more than 200/],
    ['aaaabbbbaaaabbbb', /too few different/],
    ['Passw0rd!2026', /everybody tries first/],
    ['administrator1', /everybody tries first/],
    ['abcdefghijklmnop', /everybody tries first/],
    ['anamargarita1', /little more than the name/],
    ['ana.work@example.org', /little more than the name/],
  ]
  for (const [text, why] of wrong) {
    assert.throws(() => readPassword(text, about), refused(why), text)
  }
  for (const text of ['correct horse battery', 'Ana likes long walks', 'ひらがなとカタカナの両方を使う']) {
    assert.equal(readPassword(text, about), text.normalize('NFKC'))
  }
})

test('a refusal does not repeat the password', () => {
  assert.throws(
    () => readPassword('hunter2', about),
    (error: Error) => !error.message.includes('hunter2'),
  )
})
