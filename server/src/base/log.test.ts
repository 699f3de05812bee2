import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from './fault.ts'
import { openLog } from './log.ts'

function record(level: 'debug' | 'info' = 'info', pretty = false) {
  const lines: string[] = []
  return { lines, log: openLog({ level, pretty, write: (line) => void lines.push(line) }) }
}

test('a message is one line of JSON with its fields', () => {
  const { lines, log } = record()
  log.info({ upstream: 'memory', calls: 3 }, 'a call\nended')
  assert.equal(lines.length, 1)
  assert.match(lines[0]!, /^\{.*\}\n$/)
  const { time, ...rest } = JSON.parse(lines[0]!)
  assert.deepEqual(rest, { level: 'info', upstream: 'memory', calls: 3, msg: 'a call\nended' })
  assert.match(time, /^\d{4}-\d\d-\d\dT/)
})

test('messages below the level are not written', () => {
  const { lines, log } = record()
  log.debug({}, 'quiet')
  log.warn({}, 'loud')
  assert.equal(lines.length, 1)
})

const secrets: object[] = [
  { authorization: 'hunter2' },
  { headers: { Authorization: 'hunter2', 'set-cookie': ['hunter2'] } },
  { req: { headers: { cookie: 'hunter2' } } },
  { access_token: 'hunter2', refreshToken: 'hunter2', tokens: ['hunter2'], id_token: { raw: 'hunter2' } },
  { client: { client_secret: 'hunter2', clientSecret: 'hunter2' } },
  { password: 'hunter2', body: { newPassword: 'hunter2' } },
  { masterKey: 'hunter2', api_key: 'hunter2', privateKey: { d: 'hunter2' }, 'x-api-key': 'hunter2' },
  { list: [{ deep: { credential: 'hunter2' } }] },
  { code: 'hunter2', code_verifier: 'hunter2', client_assertion: 'hunter2' },
  { text: 'sent Authorization: Bearer hunter2hunter2 to it' },
  { text: 'Basic hunter2hunter2==' },
  { url: new URL('https://a.example/cb?code=hunter2#hunter2') },
  { error: new Error('failed with Bearer hunter2hunter2', { cause: { token: 'hunter2' } }) },
  { error: Object.assign(new Error('no'), { response: { body: 'hunter2' } }) },
  { map: new Map([['secret', 'hunter2']]), bytes: Buffer.from('hunter2') },
]

for (const fields of secrets) {
  test(`nothing secret is written of ${Object.keys(fields).join(', ')} ${Object.values(fields)[0]?.constructor.name}`, () => {
    for (const pretty of [false, true]) {
      const { lines, log } = record('debug', pretty)
      log.debug(fields, 'look')
      assert.equal(lines.length, 1)
      assert.doesNotMatch(lines[0]!, /hunter2/)
    }
  })
}

test('a JWT inside a text is not written', () => {
  const { lines, log } = record()
  log.info({ text: 'got eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl back' }, 'look')
  assert.equal(JSON.parse(lines[0]!).text, 'got [hidden] back')
})

test('what only sounds like a secret is written', () => {
  const { lines, log } = record()
  const fields = { tokenType: 'Bearer', tokenCount: 3, hasSecret: true, key: 'value', tokenId: 'a1', code: 'base.busy' }
  log.info(fields, 'look')
  const { level: _level, time: _time, msg: _msg, ...rest } = JSON.parse(lines[0]!)
  assert.deepEqual(rest, fields)
})

test('a fault is written with its code, detail and cause', () => {
  const { lines, log } = record()
  const error = new Fault('base.busy', 'cannot now', { detail: 'queue of 12', cause: new TypeError('inner') })
  log.error({ error }, 'it failed')
  const written = JSON.parse(lines[0]!).error
  assert.equal(written.code, 'base.busy')
  assert.equal(written.detail, 'queue of 12')
  assert.equal(written.cause.message, 'inner')
  assert.match(written.stack, /log\.test\.ts/)
})

test('a cycle and a flood are cut instead of failing the caller', () => {
  const { lines, log } = record()
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  log.info({ cycle, flood: 'x'.repeat(100_000), many: Array.from({ length: 10_000 }, () => 1) }, 'look')
  assert.ok(lines[0]!.length < 6_000)
})

test('a readable line shows what a terminal would obey', () => {
  const { lines, log } = record('info', true)
  log.warn({ name: '\u001b[2J\u202e' }, 'a line\r\nforged')
  assert.equal(lines.length, 1)
  assert.match(lines[0]!, /^\d\d:\d\d:\d\d warn {2}a line⟨U\+000D⟩⟨U\+000A⟩forged name="\\u001b\[2J⟨U\+202E⟩"\n$/)
})
