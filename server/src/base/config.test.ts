import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import { readConfig } from './config.ts'
import type { Config } from './config.ts'
import { fileSchema } from './config/schema.ts'
import { Fault } from './fault.ts'

type Env = Record<string, string>

const example = readFileSync(new URL('../../../sallyport.example.yaml', import.meta.url), 'utf8')
const wholeExample = example.replaceAll(/^# (?=(?:tls|database|masterKeyFile):|  )/gm, '')
const exampleEnv: Env = {
  APP_BRIDGE_SECRET: 'x'.repeat(32),
  COMPANY_CLIENT_SECRET: 'one',
  COMPANY_SIGNALS_AUTHORIZATION: 'Bearer and a secret',
  COMPANY_SIGNALS_TOKEN: 'three',
  NIGHTLY_REPORT_SECRET: 'two',
  NOTES_CLIENT_SECRET: 'three',
  OLD_JOB_SECRET: 'four',
}

/** A part of the schema of the file, as JSON Schema says it. */
interface Part {
  anyOf?: Part[]
  oneOf?: Part[]
  properties?: Record<string, Part>
  items?: Part
  additionalProperties?: Part | boolean
}

/** Without what stands for the items of a list or the names of a record at the end. */
const bare = (name: string) => name.replace(/(?:\[\]|\.<name>)+$/, '')

function settingsOf(part: Part, at = ''): string[] {
  const { anyOf = [], oneOf = [], properties = {}, items, additionalProperties: more } = part
  const within = [
    ...[...anyOf, ...oneOf].flatMap((one) => settingsOf(one, at)),
    ...Object.entries(properties).flatMap(([key, one]) => settingsOf(one, at === '' ? key : `${at}.${key}`)),
    ...(items === undefined ? [] : settingsOf(items, `${at}[]`)),
    ...(typeof more === 'object' ? settingsOf(more, `${at}.<name>`) : []),
  ]
  return [...new Set(within.length === 0 ? [bare(at)] : within)]
}

const settings = settingsOf(z.toJSONSchema(fileSchema, { io: 'input', unrepresentable: 'any' }) as Part)

/** Whether a value is somewhere at the name of a setting: in one item of a list, under one name of a record. */
function isSet(value: unknown, [first, ...rest]: string[]): boolean {
  if (first === undefined) return value !== undefined
  if (typeof value !== 'object' || value === null) return false
  if (first === '<name>') return Object.values(value).some((one) => isSet(one, rest))
  const inner = (value as Record<string, unknown>)[first.replace('[]', '')]
  if (!first.endsWith('[]')) return isSet(inner, rest)
  return Array.isArray(inner) && inner.some((one) => isSet(one, rest))
}

function read(text: string | undefined, env: Env = {}): Config {
  return readConfig({ file: text === undefined ? undefined : { path: 'sallyport.yaml', text }, env, cwd: '/srv' })
}

function refusal(text: string | undefined, env: Env = {}): string {
  try {
    read(text, env)
  } catch (error) {
    assert.ok(error instanceof Fault, String(error))
    assert.equal(error.code, 'config.invalid')
    return error.message
  }
  return assert.fail('the configuration was accepted')
}

test('without a file and without variables the defaults serve loopback', () => {
  assert.deepEqual(read(undefined), {
    origin: 'http://127.0.0.1:8700',
    listen: { host: '127.0.0.1', port: 8700 },
    hosts: ['127.0.0.1:8700', 'localhost:8700', '[::1]:8700'],
    tls: undefined,
    trustedProxies: [],
    dataDir: '/srv/.sallyport',
    databaseUrl: undefined,
    masterKey: undefined,
    masterKeyFile: undefined,
    login: { local: { enabled: true, passkeys: 'offered' }, oidc: [], bridge: [] },
    clients: {
      admission: 'open',
      expiry: { neverUsedAfterDays: 7, unusedAfterDays: 180 },
      registration: { enabled: true, perHourMax: 30 },
      metadataDocuments: { enabled: true, hosts: ['*'] },
      enterprise: [],
      preregistered: [],
    },
    signals: [],
    workloads: [],
    egress: { allowPrivate: [], upstreams: new Map() },
    onBehalf: new Map(),
    stdio: {},
    openapi: {},
    keys: { rotateAfterDays: 90 },
    log: { level: 'info' },
  })
})

test('an empty file is the same as no file', () => {
  assert.deepEqual(read('# nothing yet\n'), read(undefined))
})

test('the example file is right', () => {
  const config = read(example, exampleEnv)
  assert.equal(config.origin, 'https://gateway.example.com')
  assert.equal(config.login.oidc[0]?.clientSecret, 'one')
  assert.equal(config.clients.preregistered[0]?.secret, 'two')
  assert.equal((config.onBehalf.get('notes') as { client: { secret: string } }).client.secret, 'three')
  assert.equal(config.signals[0]?.push?.authorization, 'Bearer and a secret')
  assert.equal(config.signals[0]?.poll?.token, 'three')
  assert.deepEqual(config.hosts, ['gateway.example.com', '127.0.0.1:8700', 'localhost:8700', '[::1]:8700'])
  assert.deepEqual(config.stdio['files']?.env, { LOG_LEVEL: 'warn' })
  assert.deepEqual(config.egress.upstreams.get('wiki'), ['wiki.internal:443', '10.20.0.0/16:8443'])
  assert.equal(config.egress.upstreams.get('constructor'), undefined)
})

test('every line that the example comments out is right too', () => {
  const config = read(wholeExample, { ...exampleEnv, DATABASE_URL: 'postgres://db.internal/sallyport' })
  assert.equal(config.tls?.certFile, '/etc/sallyport/cert.pem')
  assert.equal(config.databaseUrl, 'postgres://db.internal/sallyport')
  assert.equal(config.masterKeyFile, '/run/secrets/sallyport-master-key')
})

test('what the guide to machines writes is right', () => {
  const guide = readFileSync(new URL('../../../docs/guide/machines.md', import.meta.url), 'utf8')
  const blocks = [...guide.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!)
  assert.equal(blocks.length, 3)
  for (const block of blocks) read(block)
})

test('every setting is in the documentation, at its whole name', () => {
  const page = readFileSync(new URL('../../../docs/operate/configuration.md', import.meta.url), 'utf8')
  const cells = [...page.matchAll(/^\| ([^|]+) \|/gm)].map((match) => match[1]!)
  const described = new Set(cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => bare(match[1]!))))
  const missing = (from: ReadonlySet<string>) => settings.filter((name) => !from.has(name))
  assert.deepEqual(missing(described), [])
  assert.deepEqual(missing(new Set([...described].filter((name) => name !== 'log.level'))), ['log.level'])
})

test('every setting is in the example', () => {
  const missing = (text: string) => settings.filter((name) => !isSet(parse(text), name.split('.')))
  assert.deepEqual(missing(wholeExample), [])
  assert.deepEqual(missing(wholeExample.replaceAll('maxAgeSeconds: 28800', '')), ['login.oidc[].require.maxAgeSeconds'])
  assert.deepEqual(missing(''), settings)
})

test('transmitters speak about people who can come in, and prove themselves by what cannot be guessed', () => {
  const signals = (more: string, people = 'people: https://login.example,') =>
    `login: { oidc: [{ id: a, name: A, issuer: 'https://login.example', clientId: x }] }
signals: [{ id: t, issuer: 'https://t.example', jwksUri: 'https://t.example/jwks', audience: us, ${people} ${more} }]`
  const env = { HEADER: 'Bearer 0123456789', SHORT: 'x', TOKEN: 'a b' }
  assert.equal(read(signals('push: { authorizationEnv: HEADER }'), env).signals[0]?.push?.authorization, env.HEADER)
  assert.deepEqual(read(signals('push: {}')).signals[0]?.push, { authorization: undefined })
  const twice = signals('push: {}').replace(
    'signals: [',
    "signals: [{ id: s, issuer: 'https://t.example', jwksUri: 'https://t.example/jwks', audience: us, people: https://login.example, push: {} }, ",
  )
  assert.match(refusal(twice), /`s` has the same issuer and audience/)
  assert.match(refusal(signals('')), /must have `push` or `poll`/)
  assert.match(refusal(signals('push: {}', '')), /nobody comes from `https:\/\/t\.example`/)
  assert.match(
    refusal(signals('push: {}', 'people: "bridge:app",')),
    /or `bridge:<id>` of an application in `login.bridge`/,
  )
  const app = "bridge: [{ id: app, name: App, loginUrl: 'https://a.example', secretEnv: APP }], oidc:"
  const bridged = signals('push: {}', 'people: "bridge:app",').replace('oidc:', app)
  assert.equal(read(bridged, { APP: 'x'.repeat(32) }).signals[0]?.people, 'bridge:app')
  assert.match(refusal(signals('push: { authorizationEnv: SHORT }'), env), /must have 16 to 1,024/)
  assert.match(refusal(signals('push: { authorizationEnv: ABSENT }'), env), /`ABSENT` is not set/)
  const poll = (url: string) => signals(`poll: { url: '${url}', tokenEnv: TOKEN }`)
  assert.match(refusal(poll('https://t.example/poll'), env), /the token must be printable/)
  assert.match(refusal(poll('http://t.example/poll'), { TOKEN: 'x' }), /must start with https/)
})

test('the environment wins over the file', () => {
  const env = { SALLYPORT_ORIGIN: 'http://localhost:9100', SALLYPORT_DATA: 'elsewhere', SALLYPORT_LOG_LEVEL: 'debug' }
  const config = read('origin: http://127.0.0.1:9000\ndata: here\nlog: { level: warn }\n', env)
  assert.equal(config.origin, 'http://localhost:9100')
  assert.deepEqual(config.listen, { host: '127.0.0.1', port: 9100 })
  assert.equal(config.dataDir, '/srv/elsewhere')
  assert.equal(config.log.level, 'debug')
})

test('an empty variable is the same as none', () => {
  assert.equal(read(undefined, { SALLYPORT_ORIGIN: '', DATABASE_URL: '' }).origin, 'http://127.0.0.1:8700')
})

test('relative paths of the file start at its folder', () => {
  const file = { path: '/etc/sallyport/sallyport.yaml', text: 'data: data\nmasterKeyFile: key\n' }
  const config = readConfig({ file, env: {}, cwd: '/srv' })
  assert.equal(config.dataDir, '/etc/sallyport/data')
  assert.equal(config.masterKeyFile, '/etc/sallyport/key')
})

test('a public origin listens on loopback unless told otherwise', () => {
  assert.deepEqual(read('origin: https://gateway.example.com').listen, { host: '127.0.0.1', port: 8700 })
  assert.deepEqual(read('origin: http://[::1]:8701').listen, { host: '::1', port: 8701 })
  assert.deepEqual(read(undefined, { SALLYPORT_LISTEN: '[::1]:99' }).listen, { host: '::1', port: 99 })
})

test('the master key is 32 bytes in base64', () => {
  const key = Buffer.alloc(32, 0xfb)
  assert.deepEqual(read(undefined, { SALLYPORT_MASTER_KEY: key.toString('base64') }).masterKey, new Uint8Array(key))
  assert.deepEqual(read(undefined, { SALLYPORT_MASTER_KEY: key.toString('base64url') }).masterKey, new Uint8Array(key))
  const message = refusal(undefined, { SALLYPORT_MASTER_KEY: 'hunter2' })
  assert.match(message, /`SALLYPORT_MASTER_KEY` must be 32 random bytes in base64/)
  assert.doesNotMatch(message, /hunter2/)
})

const wrongOrigins: [string, RegExp][] = [
  ['http://gateway.example.com', /plain http is for loopback only/],
  ['http://10.0.0.1:8700', /plain http is for loopback only/],
  ['http://127.0.0.1.example.com', /plain http is for loopback only/],
  ['http://localhost.example.com', /plain http is for loopback only/],
  ['https://gateway.example.com/', /must be written `https:\/\/gateway.example.com`/],
  ['https://gateway.example.com:443', /must be written/],
  ['https://Gateway.example.com', /must be written/],
  ['http://0x7f.1:80', /must be written/],
  ['https://gateway.example.com./', /must/],
  ['https://gateway.example.com.', /does not end in a dot/],
  ['https://gateway.example.com/mcp', /scheme, host and port only/],
  ['https://gateway.example.com?x', /scheme, host and port only/],
  ['https://me@gateway.example.com', /scheme, host and port only/],
  ['gateway.example.com', /must be an address such as/],
  ['ftp://gateway.example.com', /must start with `https:\/\/`/],
]

for (const [origin, message] of wrongOrigins) {
  test(`the origin ${origin} is refused`, () => {
    assert.match(refusal(`origin: "${origin}"`), message)
    assert.match(refusal(undefined, { SALLYPORT_ORIGIN: origin }), message)
  })
}

const wrongFiles: [string, string, RegExp][] = [
  [
    'an unknown key, with the nearest known',
    '\nlogin:\n  odic: []\n',
    /yaml:3: `login.odic` is not known: did you mean `oidc`\?/,
  ],
  ['an unknown key at the top', 'orgin: x', /yaml:1: `orgin` is not known: did you mean `origin`/],
  ['a key in the wrong spelling', 'trusted_proxies: []', /did you mean `trustedProxies`/],
  ['an unknown key that is near none', 'log:\n  zebra: 1', /yaml:2: `log.zebra` is not known: expected one of level/],
  [
    'an unknown key in a list',
    'login:\n  oidc:\n    - id: a\n      naem: x\n',
    /yaml:4: `login.oidc\[1\].naem` .* `name`/,
  ],
  [
    'a client secret',
    'login:\n  oidc:\n    - clientSecret: hunter2\n',
    /yaml:3: .*never in this file.*`clientSecretEnv`/,
  ],
  [
    'a secret of a client',
    'clients:\n  preregistered:\n    - secret: hunter2',
    /yaml:3: .*never in this file.*`secretEnv`/,
  ],
  [
    'a client that asks about tokens without proving who it is',
    'clients:\n  preregistered:\n    - id: a\n      name: A\n      introspects: [mux]',
    /`clients.preregistered\[1\].introspects` needs a `secretEnv`, `jwks` or `jwksUri`/,
  ],
  [
    'a client whose private key stands in the file',
    'clients: { preregistered: [{ id: a, name: A, introspects: [m], jwks: { keys: [{ kty: EC, d: x }] } }] }',
    /is a private key \(`d`\)/,
  ],
  [
    'a client with two ways to prove itself',
    'clients: { preregistered: [{ id: a, name: A, introspects: [m], jwksUri: "https://a.example/k", secretEnv: X }] }',
    /`clients.preregistered\[1\].jwks` must stand alone/,
  ],
  [
    'a machine with a secret that nobody accepted',
    'clients: { preregistered: [{ id: a, name: A, machine: m, secretEnv: X }] }',
    /`clients.preregistered\[1\].machine` needs `jwks` or `jwksUri`/,
  ],
  [
    'a machine through which people sign in',
    'clients: { preregistered: [{ id: a, name: A, machine: m, jwksUri: "https://a.example/k", redirectUris: ["https://a.example/"] }] }',
    /nobody signs in through a machine/,
  ],
  [
    'a platform that does not prove itself',
    'clients: { preregistered: [{ id: a, name: A, exchange: {} }] }',
    /`clients.preregistered\[1\].exchange` needs/,
  ],
  [
    'an issuer that vouches twice, for more and for less',
    'clients: { enterprise: [{ issuer: "https://l.example", jwksUri: "https://l.example/k", effects: write }], preregistered: [{ id: a, name: A, jwksUri: "https://a.example/k", exchange: { from: [{ issuer: "https://l.example", jwksUri: "https://l.example/k", audience: x }] } }] }',
    /`exchange.effects` must be `write`/,
  ],
  [
    'a client that is called like all workloads',
    'clients: { preregistered: [{ id: workloads, name: A, redirectUris: ["https://a.example/"] }] }',
    /that is the client of workload tokens/,
  ],
  ['workloads without rules', 'workloads: [{ issuer: "https://c.example", rules: [] }]', /nothing matches by itself/],
  [
    'a rule that everybody fits',
    'workloads: [{ issuer: "https://c.example", rules: [{ machine: m, claims: { sub: "*:*", aud: "*" } }] }]',
    /everybody of this issuer would be this machine/,
  ],
  [
    'a rule without claims',
    'workloads: [{ issuer: "https://c.example", rules: [{ machine: m, claims: {} }] }]',
    /everybody of this issuer would be this machine/,
  ],
  [
    'a pattern with two stars in one part',
    'workloads: [{ issuer: "https://c.example", rules: [{ machine: m, claims: { sub: "a*b*c" } }] }]',
    /one `\*` at the most/,
  ],
  [
    'a trust domain without keys',
    'workloads: [{ issuer: "spiffe://c.example", rules: [{ machine: m, claims: { sub: x } }] }]',
    /a trust domain has no discovery/,
  ],
  [
    'a client without a redirect address',
    'clients:\n  preregistered:\n    - id: a\n      name: A',
    /`clients.preregistered\[1\].redirectUris` must have at least one entry/,
  ],
  [
    'a login page of an application without TLS',
    'login: { bridge: [{ id: app, name: App, loginUrl: "http://app.example.com/", secretEnv: X }] }',
    /must start with https: plain http is for loopback only/,
  ],
  ['a database URL', 'database:\n  url: postgres://u:p@h/d', /yaml:2: .*never in this file.*`urlEnv`/],
  ['a master key', 'masterKey: aaaa', /yaml:1: `masterKey` is a secret/],
  ['a missing setting', 'tls:\n  certFile: a.pem\n', /yaml:1: `tls.keyFile` is missing/],
  ['an empty setting', 'origin:\n', /yaml:1: `origin` is empty/],
  ['a text for a number', 'clients:\n  registration:\n    perHourMax: many', /yaml:3: .* must be a number/],
  ['a text for a list', 'trustedProxies: 127.0.0.1', /must be a list/],
  ['yes for true', 'login:\n  local:\n    enabled: yes', /yaml:3: .* must be `true` or `false`/],
  ['a level that is none', 'log: { level: loud }', /must be one of debug, info, warn, error/],
  ['a file that is a list', '- a', /`?the file`? must be a section of keys/],
  ['a key twice', 'data: a\ndata: b\n', /yaml:2: Map keys must be unique/],
  ['text that is not YAML', 'a: [1,\nb: }', /yaml:\d+: /],
  ['a provider named local', provider({ id: 'local' }), /must not be `local`/],
  ['a provider id with capitals', provider({ id: 'Company' }), /must be 1 to 63 of a-z/],
  ['an issuer without TLS', provider({ issuer: 'http://login.example.com' }), /plain http is for loopback only/],
  ['scopes without openid', provider({ scopes: '[email]' }), /must contain `openid`/],
  [
    'a value where the name of a variable belongs',
    provider({ clientSecretEnv: '"s3cr3t/+="' }),
    /name of an environment/,
  ],
  ['a variable that is not set', provider({ clientSecretEnv: 'NO_SUCH' }), /variable `NO_SUCH` is not set/],
  ['two providers of one id', `${provider({})}${provider({}).split('\n').slice(2).join('\n')}`, /same `id` twice/],
  ['a redirect to a script', client('javascript:alert(1)'), /must not use the scheme `javascript:`/],
  ['a redirect without TLS', client('http://example.com/cb'), /must start with https, except on loopback/],
  ['a redirect with a fragment', client('https://example.com/cb#x'), /no fragment/],
  ['a metadata host with a path', 'clients: { metadataDocuments: { hosts: [example.com/x] } }', /must be `\*`, a host/],
  ['a private destination without port', 'egress: { allowPrivate: [10.0.0.1] }', /must be `host:port`/],
  ['every private destination', 'egress: { allowPrivate: ["0.0.0.0/0:443"] }', /too wide/],
  ['every destination of an upstream', 'egress: { upstreams: { wiki: ["[::/0]:443"] } }', /too wide/],
  ['destinations of every upstream', 'egress: { upstreams: { "*": ["10.0.0.1:443"] } }', /egress.upstreams/],
  [
    'a secret for a program',
    'stdio: { a: { command: x, env: { API_TOKEN: y } } }',
    /`stdio.a.env.API_TOKEN` looks like/,
  ],
  ['a program with a bad name', 'stdio: { "A B": { command: x } }', /stdio/],
  ['listening for others without TLS', 'listen: 0.0.0.0:8700', /which others can reach over plain http/],
  ['a listening address that is a name', 'listen: gateway:8700', /must be `address:port`/],
  ['a listening port too high', 'listen: 127.0.0.1:70000', /must be `address:port`/],
  ['TLS under a plain origin', 'tls: { certFile: a, keyFile: b }', /`origin` must start with https/],
  ['nobody who could sign in', 'login: { local: { enabled: false } }', /nobody could sign in/],
  ['an alias bomb', bomb(), /yaml:1: .*[Aa]lias/],
]

for (const [what, text, message] of wrongFiles) {
  test(`the file is refused for ${what}`, () => {
    const problem = refusal(text)
    assert.match(problem, message)
    assert.doesNotMatch(problem, /hunter2|s3cr3t/)
  })
}

test('a database URL of another kind is refused without repeating it', () => {
  const message = refusal(undefined, { DATABASE_URL: 'mysql://root:hunter2@db/x' })
  assert.match(message, /only PostgreSQL is supported/)
  assert.doesNotMatch(message, /hunter2/)
})

test('others may be listened for with TLS, or behind a named proxy', () => {
  const secure = 'origin: https://g.example\nlisten: 0.0.0.0:443\ntls: { certFile: a, keyFile: b }'
  assert.deepEqual(read(secure).tls, { certFile: '/srv/a', keyFile: '/srv/b' })
  assert.equal(read('origin: https://g.example\nlisten: "[::]:80"\ntrustedProxies: [10.0.0.0/8]').listen.host, '::')
})

test('every problem is named at once', () => {
  const message = refusal('orgin: x\nlisten: y\nlog: { level: loud }\n')
  assert.equal(message.split('\n').length, 4)
})

test('private-use schemes and loopback are accepted as redirects', () => {
  assert.equal(read(client('cursor://anysphere.cursor-retrieval/oauth')).clients.preregistered.length, 1)
  assert.equal(read(client('http://127.0.0.1/callback')).clients.preregistered.length, 1)
})

function provider(change: Record<string, string>): string {
  const fields = { id: 'company', name: 'Company', issuer: 'https://login.example.com', clientId: 'x', ...change }
  const lines = Object.entries(fields).map(([key, value]) => `${key}: ${value}`)
  return `login:\n  oidc:\n    - ${lines.join('\n      ')}\n`
}

function client(redirect: string): string {
  return `clients:\n  preregistered:\n    - id: c\n      name: C\n      redirectUris: ["${redirect}"]\n`
}

function bomb(): string {
  const levels = [
    'a: &a [1,1,1,1,1,1,1,1,1]',
    ...'bcdefg'.split('').map((name, i) => `${name}: &${name} [${`*${'abcdef'[i]},`.repeat(9)}]`),
  ]
  return `{ ${levels.join(', ')} }`
}

test('who is asked for tokens in people’s names must be a provider that they sign in through', () => {
  const entry = (more: string) => `onBehalf: { notes: { url: 'https://notes.example/mcp', ${more} } }`
  assert.match(refusal(entry('way: provider, provider: nobody')), /`onBehalf.notes`: `nobody` is not the `id`/)
  assert.match(refusal(entry('way: provider, provider: nobody, issuer: https://x.example')), /sallyport.yaml:1/)
  const asserting = "way: assertion, issuer: 'https://auth.example', client: { id: me }"
  assert.match(refusal(entry(`${asserting}, people: nobody`)), /`nobody` is not the `id`/)
  assert.equal(read(entry(asserting)).onBehalf.get('notes')?.way, 'assertion')
})
