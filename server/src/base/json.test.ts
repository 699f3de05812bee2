import assert from 'node:assert/strict'
import { test } from 'node:test'
import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { Fault } from './fault.ts'
import { canonicalJson, readJson } from './json.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const read = (text: string) => readJson(bytesOf(text))

function refusal(run: () => unknown): Fault {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof Fault, String(error))
    return error
  }
  return assert.fail('nothing was refused')
}

/** True for what the strict reading accepts: no `__proto__`, no number that is rounded, no lone surrogate. */
function isFit(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) || value % 1 !== 0
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, item]) => name !== '__proto__' && name.isWellFormed() && isFit(item))
}

const documents = fc.jsonValue({ maxDepth: 6, noUnicodeString: false }).filter(isFit)

const accepted: [string, string][] = [
  ['an empty array', '[]'],
  ['an empty object', '{}'],
  ['white space around', ' \t\r\n[1] \n'],
  ['a lone string', '"asd"'],
  ['a lone number', '42'],
  ['a lone null', 'null'],
  ['an empty name', '{"":0}'],
  ['a name with an escaped nul', '{"foo\\u0000bar":42}'],
  ['the same name in different objects', '{"a":{"a":1},"b":{"a":1}}'],
  ['the same name in objects of one array', '[{"a":1},{"a":1}]'],
  ['colons and quotes inside strings', '{"a:\\"b\\\\":"::\\"{[:"}'],
  ['a string that ends with an escaped backslash', '{"a\\\\":"\\\\\\\\","b":":"}'],
  ['a negative exponent', '[1e-7]'],
  ['an exponent that gives a safe number', '[1E22e]'.replace('E22e', 'E2')],
  ['minus zero', '[-0]'],
  ['the largest safe numbers', '[9007199254740991,-9007199254740991]'],
  ['a surrogate pair in escapes', '["\\uD834\\uDD1E"]'],
  ['a two-byte nul escape', '["\\u0000"]'],
  ['noncharacters', '["\\uFFFE\u{10FFFF}"]'],
  ['line separators unescaped', '["\u2028\u2029"]'],
  ['delete unescaped', '["\u007f"]'],
  ['names of Object.prototype', '{"constructor":{"prototype":1},"toString":1,"hasOwnProperty":2,"valueOf":null}'],
  ['nesting of 64', '['.repeat(64) + ']'.repeat(64)],
]

for (const [what, text] of accepted) {
  test(`readJson() accepts ${what}`, () => {
    assert.deepEqual(read(text), JSON.parse(text))
  })
}

const refused: [string, string, RegExp][] = [
  ['nothing', '', /not JSON/],
  ['a byte order mark', '\uFEFF{}', /byte order mark/],
  ['a trailing comma', '[1,]', /not JSON/],
  ['a leading zero', '[012]', /not JSON/],
  ['hexadecimal', '[0x1]', /not JSON/],
  ['a plus sign', '[+1]', /not JSON/],
  ['NaN', '[NaN]', /not JSON/],
  ['Infinity', '[-Infinity]', /not JSON/],
  ['a comment', '[1]/**/', /not JSON/],
  ['single quotes', "['a']", /not JSON/],
  ['names without quotes', '{a:1}', /not JSON/],
  ['two documents', '{}{}', /not JSON/],
  ['a raw newline in a string', '["a\nb"]', /not JSON/],
  ['a raw nul after the document', '[1]\u0000', /not JSON/],
  ['a bad escape', '["\\x15"]', /not JSON/],
  ['a string that never ends', '["a', /not JSON/],
  ['an escape that never ends', '["\\', /not JSON/],
  ['a missing value', '{"a":}', /not JSON/],
  ['a form feed between tokens', '[\f1]', /not JSON/],
  ['a no-break space between tokens', '[\u00a01]', /not JSON/],
  ['nesting of 65', '['.repeat(65) + ']'.repeat(65), /nesting deeper than 64 at offset 64/],
  ['nesting without end', '['.repeat(100_000), /nesting deeper than 64/],
  ['nesting of objects', '{"a":'.repeat(65) + '1' + '}'.repeat(65), /nesting deeper than 64/],
  ['a name twice', '{"a":1,"a":2}', /`a` twice in one object, the second at offset 7/],
  ['a name twice with the same value', '{"a":1,"a":1}', /twice/],
  ['a name twice, once written with escapes', '{"a":1,"\\u0061":2}', /`a` twice/],
  ['an empty name twice', '{"":1,"":2}', /twice/],
  ['an index-like name twice', '{"1":1,"1":2}', /twice/],
  ['a name twice, deep', '[{"x":[{"b":{"c":1,"d":2,"c":3}}]}]', /`c` twice in one object, the second at offset 25/],
  ['a name twice whose first value is an object', '{"a":{"b":1,"c":2},"a":1}', /`a` twice/],
  ['`__proto__`', '{"__proto__":{"admin":true}}', /the name `__proto__` at the top/],
  ['`__proto__` written with escapes', '{"a":{"\\u005f_proto__":1}}', /the name `__proto__` at `\/a`/],
  ['`__proto__` twice', '{"__proto__":1,"__proto__":2}', /__proto__/],
  ['a lone high surrogate', '["\\uD800"]', /lone surrogate at `\/0`/],
  ['a lone low surrogate', '{"a":"x\\uDFAAy"}', /lone surrogate at `\/a`/],
  ['surrogates in the wrong order', '["\\uDD1E\\uD834"]', /lone surrogate/],
  ['a lone surrogate in a name', '{"\\ud800":1}', /lone surrogate in a name at the top/],
  ['a number without bound', '{"a":[1e400]}', /too large at `\/a\/0`/],
  ['a negative number without bound', '[-1E+999]', /too large/],
  ['2^53', '[9007199254740992]', /beyond 2\^53-1 at `\/0`/],
  ['2^53+1, which readers round', '{"id":9007199254740993}', /beyond 2\^53-1 at `\/id`/],
  ['a negative number that readers round', '[-9007199254740993]', /beyond/],
  ['twenty digits', '[12345678901234567890]', /beyond/],
  ['a whole number in exponent form', '[1e30]', /beyond/],
  ['a number too small to tell from zero', '[1e-400]', /readers would change, at offset 1/],
  ['a fraction with more digits than a double has', '[0.1234567890123456789]', /readers would change/],
]

for (const [what, text, message] of refused) {
  test(`readJson() refuses ${what}`, () => {
    const fault = refusal(() => read(text))
    assert.equal(fault.code, 'base.bad_json')
    assert.match(fault.message, message)
  })
}

const notUtf8: [string, number[]][] = [
  ['a lone continuation byte', [0x22, 0x81, 0x22]],
  ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
  ['a surrogate in UTF-8', [0x22, 0xed, 0xa0, 0x80, 0x22]],
  ['a truncated sequence', [0x22, 0xe2, 0x82, 0x22]],
  ['a code point beyond Unicode', [0x22, 0xf4, 0xbf, 0xbf, 0xbf, 0x22]],
  ['UTF-16', [0xff, 0xfe, 0x5b, 0x00, 0x5d, 0x00]],
  ['Latin-1', [0x22, 0xe9, 0x22]],
]

for (const [what, bytes] of notUtf8) {
  test(`readJson() refuses ${what}`, () => {
    assert.match(refusal(() => readJson(Uint8Array.from(bytes))).message, /not UTF-8/)
  })
}

test('readJson() refuses a document over the size limit before reading it', () => {
  const fault = refusal(() => readJson(bytesOf('[1234567]'), { bytesMax: 8 }))
  assert.equal(fault.code, 'base.too_large')
  assert.equal(fault.status, 413)
  assert.deepEqual(readJson(bytesOf('[123456]'), { bytesMax: 8 }), [123456])
})

test('readJson() does not repeat the document in the message for the caller', () => {
  const fault = refusal(() => read('{"password":hunter2}'))
  assert.doesNotMatch(fault.message, /hunter2/)
})

test('readJson() reads every fit document as JSON.parse does', () => {
  fc.assert(
    fc.property(documents, (value) => {
      const text = JSON.stringify(value)
      assert.deepEqual(read(text), JSON.parse(text))
    }),
  )
})

test('readJson() finds a duplicate name wherever it is put', () => {
  const names = fc.string().filter((name) => name !== '__proto__' && name.isWellFormed())
  const places = fc.array(fc.oneof(fc.constant('array'), names), { maxLength: 8 })
  fc.assert(
    fc.property(names, documents, documents, places, (name, first, second, path) => {
      const key = JSON.stringify(name)
      let text = `{${key}:${JSON.stringify(first)},${key}:${JSON.stringify(second)}}`
      for (const step of path) text = step === 'array' ? `[0,${text},"}"]` : `{${JSON.stringify(step)}:${text}}`
      assert.match(refusal(() => read(text)).message, /twice in one object, the second at offset/)
    }),
  )
})

test('readJson() accepts no byte sequence that JSON.parse refuses', () => {
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"',
    '\\',
    'a',
    '1',
    'e',
    '-',
    ' ',
    'null',
    '"a"',
    '\\u00',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      const text = parts.join('')
      let expected: unknown
      try {
        expected = JSON.parse(text)
      } catch {
        assert.equal(refusal(() => read(text)).code, 'base.bad_json')
        return
      }
      try {
        assert.deepEqual(read(text), expected)
      } catch (error) {
        assert.ok(error instanceof Fault, String(error))
      }
    }),
    { numRuns: 3_000 },
  )
})

test('canonicalJson() writes the example of RFC 8785', () => {
  const text = String.raw`{"numbers":[333333333.33333329,1E-9,4.50,2e-3,0.000000000000000000000000001],
    "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`
  assert.equal(
    // Its first number has one digit more than a double keeps: from a client it would be refused.
    canonicalJson(JSON.parse(text)),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e-9,4.5,0.002,1e-27],' +
      '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  )
})

test('canonicalJson() sorts names by UTF-16 code units, as RFC 8785 shows', () => {
  const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7 }
  assert.equal(canonicalJson(value), '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"\u{1f600}":5,"\ufb33":3}')
})

test('canonicalJson() sorts index-like names as texts', () => {
  assert.equal(canonicalJson({ '9': 1, '10': 2, a: { '2': 1, '11': 2 } }), '{"10":2,"9":1,"a":{"11":2,"2":1}}')
})

test('canonicalJson() leaves out members that are undefined', () => {
  assert.equal(canonicalJson({ b: undefined, a: 1, '0': undefined }), '{"a":1}')
})

const unwritable: [string, unknown][] = [
  ['undefined', undefined],
  ['a function', { a: () => 1 }],
  ['NaN', [Number.NaN]],
  ['Infinity', { a: Number.POSITIVE_INFINITY }],
  ['a bigint', { a: 1n }],
  ['a symbol', [Symbol('x')]],
  ['a date', { at: new Date(0) }],
  ['a map', { a: new Map([[1, 2]]) }],
  ['undefined in an array', [undefined]],
  ['a lone surrogate', { a: '\ud800' }],
  ['a lone surrogate in a name', { '\udc00': 1 }],
]

for (const [what, value] of unwritable) {
  test(`canonicalJson() refuses ${what}`, () => {
    assert.equal(refusal(() => canonicalJson(value)).code, 'base.bad_json')
  })
}

test('canonicalJson() refuses a cycle', () => {
  const value: Record<string, unknown> = {}
  value['self'] = [value]
  assert.equal(refusal(() => canonicalJson(value)).code, 'base.bad_json')
})

test('canonicalJson() keeps a text that only looks like a lone surrogate', () => {
  assert.equal(canonicalJson({ a: '\\ud800' }), '{"a":"\\\\ud800"}')
})

test('canonicalJson() agrees with the library on every document', () => {
  fc.assert(
    fc.property(documents, (value) => {
      assert.equal(canonicalJson(value), canonicalize(value))
    }),
  )
})

test('canonical bytes are read back and written as the same bytes', () => {
  fc.assert(
    fc.property(documents, (value) => {
      const once = canonicalJson(value)
      assert.equal(canonicalJson(read(once)), once)
    }),
  )
})
