import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../src/base/fault.ts'
import { digestOf } from '../../src/base/ids.ts'
import { canonicalJson, readJson } from '../../src/base/json.ts'
import type { Agent } from '../agent.ts'
import { bytesOf, readCorpus } from '../corpus/corpus.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import type { FakeOptions } from '../fake/mcp-server.ts'
import { openHouse } from '../house.ts'

// What is read, what is refused, and what is sent: of each document of the corpus, and of random ones.

const rows = readCorpus('json').map(([verdict, document = '', why = '', canonical]) => ({
  verdict,
  bytes: bytesOf(document),
  what: `${why}: ${document.slice(0, 60)}`,
  canonical: canonical === undefined ? bytesOf(document).toString() : bytesOf(canonical).toString(),
}))
const good = rows.filter(({ verdict }) => verdict === 'y')
const bad = rows.filter(({ verdict }) => verdict === 'n')

function verdictOf(bytes: Uint8Array): string {
  try {
    return canonicalJson(readJson(bytes))
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === 'base.bad_json', String(error))
    return 'refused'
  }
}

test('the corpus has more than 500 documents, none twice', () => {
  assert.ok(good.length > 150 && bad.length > 350, `${good.length} + ${bad.length}`)
  assert.equal(new Set(rows.map(({ bytes }) => bytes.toString('latin1'))).size, rows.length)
})

test('each document of the corpus is read as it should be, or refused', () => {
  for (const { verdict, bytes, what, canonical } of rows) {
    assert.equal(verdictOf(bytes), verdict === 'y' ? canonical : 'refused', what)
  }
})

/** A JSON number as an exact fraction: digits and power of ten. */
function exactly(lexeme: string): { digits: bigint; power: number } {
  const [mantissa = '', exponent = '0'] = lexeme.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  return { digits: BigInt(whole + fraction), power: Number(exponent) - fraction.length }
}

function sameNumber(one: string, other: string): boolean {
  const [a, b] = [exactly(one), exactly(other)]
  const least = Math.min(a.power, b.power)
  return a.digits * 10n ** BigInt(a.power - least) === b.digits * 10n ** BigInt(b.power - least)
}

const lexemes = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9]\d{0,18}$/)),
    fraction: fc.option(fc.stringMatching(/^\d{1,20}$/), { nil: undefined }),
    exponent: fc.option(fc.stringMatching(/^[+-]?\d{1,3}$/), { nil: undefined }),
  })
  .map(({ sign, whole, fraction, exponent }) =>
    [sign, whole, fraction && `.${fraction}`, exponent && `e${exponent}`].join(''),
  )

test('a number is passed on as the same number, to the last digit, or refused', () => {
  let kept = 0
  fc.assert(
    fc.property(lexemes, (lexeme) => {
      const out = verdictOf(Buffer.from(lexeme))
      if (out === 'refused') return
      kept++
      assert.ok(sameNumber(lexeme, out), `${lexeme} became ${out}`)
    }),
    { numRuns: 5_000 },
  )
  assert.ok(kept > 500, `${kept} kept`)
})

test('every number that a double holds is kept, as JavaScript and as C write it', () => {
  const doubles = fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => value % 1 !== 0)
  fc.assert(
    fc.property(doubles, (value) => {
      assert.equal(readJson(Buffer.from(String(value))), value)
      const written = value.toExponential()
      assert.equal(readJson(Buffer.from(written)), value, written)
    }),
  )
})

const readAny = toolNamed('read_any', { inputSchema: { type: 'object', properties: { data: {} } } })

/** A tool that takes anything, and a client that may call it. */
async function open(t: TestContext, options: Partial<FakeOptions> = {}) {
  const { house, fake } = await openFakeHouse(t, { tools: [readAny], fake: options })
  return { house, fake, agent: (await connectAll(house)).agent }
}

const around = (document: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_any","arguments":{"data":'),
    document,
    Buffer.from('}}}'),
  ])

const post = (agent: Agent, bytes: Uint8Array) => agent.post(bytes as unknown as string)

/** Good documents that do not arrive as an argument: the call around them takes them below what may be nested. */
const tooDeepInside = [
  'nesting that is allowed: [⟦5b*62⟧⟦5b*1⟧⟦31*1⟧⟦5d*64⟧',
  'nesting that is allowed: ⟦7b2261223a*64⟧1⟦7d*64⟧',
  'nesting that is allowed: ⟦5b7b2261223a*32⟧1⟦7d5d*32⟧',
]
/** And these: a text or a name in them could leave its place in an address. */
const leavingTheirPlace = [
  String.raw`a string: "⟦7f⟧"`,
  String.raw`an escape: "\"\\\/\b\f\n\r\t"`,
  String.raw`an escape: "\u0000"`,
  String.raw`an escape: "\u007F"`,
  String.raw`names that only look alike: {"a\u0000":1,"a":2}`,
  String.raw`names that only look alike: {"a":1,"\\u0061":2}`,
  String.raw`what only looks like structure: {"\\":1,"\\\\":2}`,
]

test('at the door a bad document is refused with -32700, and each good one arrives as it was judged, but for ten that are refused', async (t) => {
  const { fake, agent } = await open(t)
  for (const { bytes, what } of bad) {
    const answer = await post(agent, bytes)
    assert.deepEqual([answer.status, answer.error?.code], [400, -32700], what)
  }
  assert.equal(fake.calls.length, 0)
  const stayed: string[] = []
  for (const { bytes, what, canonical } of good) {
    const before = fake.calls.length
    const answer = await post(agent, around(bytes))
    const sent = fake.journal.findLast(({ message }) => message?.method === 'tools/call')
    if (fake.calls.length > before) {
      assert.ok(sent!.body.includes(`"arguments":{"data":${canonical}}`), what)
    } else {
      assert.ok(answer.status === 400 || answer.result['isError'] === true, what)
      stayed.push(what)
    }
  }
  assert.deepEqual(stayed, [...tooDeepInside, ...leavingTheirPlace])
})

// Names and texts that stay in their place, so that most calls pass; everything else that JSON has.
const words = fc.stringMatching(/^[a-zA-Zà-ü 0-9"_.,:;!-]{0,12}$/).filter((text) => !/\.\.|^\.$/.test(text))
const numbers = fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }))
const { value: anything } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, words, numbers, fc.boolean(), fc.constant(null), tie('list'), tie('object')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  object: fc.dictionary(
    words.filter((name) => name !== '__proto__'),
    tie('value'),
    { maxKeys: 4 },
  ),
}))

/** The text of a value as some client may write it: any order, escapes, white space. */
function written(value: unknown, random: () => number): string {
  const space = (): string => ['', '', ' ', '\n\t'][Math.floor(random() * 4)]!
  // Escapes stay whole: an escape inside an escape would be another text.
  const quoted = (text: string): string =>
    JSON.stringify(text).replaceAll(/\\.|[a-z]/g, (part) =>
      part.length === 1 && random() < 0.1 ? escaped(part) : part,
    )
  if (typeof value === 'string') return quoted(value)
  if (Array.isArray(value))
    return `[${value.map((item) => space() + written(item, random)).join(`${space()},`)}${space()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(
    ([name, item]) => `${space()}${quoted(name)}${space()}:${space()}${written(item, random)}`,
  )
  return `{${members.toSorted(() => random() - 0.5).join(',')}${space()}}`
}

const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** The bytes of `arguments` in a message that passed as canonical JSON: the first member of `params`. */
function argumentBytes(line: string): string {
  const start = /"params":\{(?:"_meta":\{.*\},)?"arguments":/.exec(line)!
  const end = line.lastIndexOf(',"name":"')
  return line.slice(start.index + start[0].length, end)
}

const ways = {
  'http of the same era': (t: TestContext) => behindHttp(t, {}),
  'http with sessions, where ids are replaced': (t: TestContext) => behindHttp(t, { sessions: true }),
  'http of another era': (t: TestContext) => behindHttp(t, { era: 'modern' }),
  stdio: (t: TestContext) => behindStdio(t),
}

for (const [kind, behind] of Object.entries(ways)) {
  test(`what was judged is what was sent, byte for byte, and the ledger has its digest (${kind})`, async (t) => {
    const { house, agent, heard } = await behind(t)
    let sent = 0
    await fc.assert(
      fc.asyncProperty(
        anything,
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        async (value, chance) => {
          const random = (): number => chance.next().value as number
          const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_any","arguments":{"data":${written(value, random)}}}}`
          const before = heard().length
          const answer = await agent.post(body)
          if (answer.result['isError'] === true || answer.status !== 200) {
            assert.equal(heard().length, before, 'refused and sent all the same')
            return
          }
          sent++
          const bytes = argumentBytes(heard().at(-1)!)
          assert.equal(bytes, canonicalJson({ data: value }))
          assert.equal((await house.entries('intent')).at(-1)!.argumentsDigest, digestOf(bytes))
        },
      ),
      { numRuns: 100 },
    )
    assert.ok(sent > 50, `${sent} of 100 sent`)
  })
}

async function behindHttp(t: TestContext, options: Partial<FakeOptions>) {
  const { house, fake, agent } = await open(t, options)
  const heard = () => fake.journal.filter(({ message }) => message?.method === 'tools/call').map(({ body }) => body)
  return { house, agent, heard }
}

async function behindStdio(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-json-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const journal = join(folder, 'journal')
  const script = new URL('../fake/stdio-server.ts', import.meta.url).pathname
  const launch = {
    command: process.execPath,
    args: [script, JSON.stringify({ journal, tools: [readAny] })],
    sandbox: 'off',
  }
  const house = await openHouse(t, { yaml: `stdio: ${JSON.stringify({ fake: launch })}` })
  const { inventory, gateway } = house.rooms
  await inventory.preloadUpstream({ name: 'desk', launch: { kind: 'stdio', command: 'fake' }, purpose: 'to be tested' })
  await gateway.look((await inventory.findUpstream('desk'))!)
  const { agent } = await connectAll(house)
  const heard = () =>
    readFileSync(journal, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"tools/call"'))
  return { house, agent, heard }
}
