/** The floor of each room below `server/src`. A room imports only from rooms on lower floors. */
export const floors: Readonly<Record<string, number>> = {
  base: 0,
  model: 1,
  policy: 2,
  store: 2,
  ledger: 3,
  vault: 3,
  identity: 4,
  inventory: 4,
  approval: 4,
  oauth: 5,
  gateway: 6,
  control: 6,
  doors: 7,
}

/** What the floors are for, said to whoever breaks them. */
export const layering = {
  unknownRoom: 'every file of server/src lies in a room that has a floor, in cli/ or beside main.ts',
  upward: 'imports go down only; news travels up by subscription',
  strangers: 'rooms on one floor are strangers',
  closet: 'halls are public, closets are private: import a file at the top of that room',
  cycle: 'files in a circle cannot be read or tested one by one',
  outside: 'the server is made of server/src and of packages',
  test: 'production code does not know its tests',
  undeclared: 'a package that is imported is named in the dependencies of server/package.json',
  computed: 'a computed import cannot be checked',
} as const

/** A locked door: something that may be imported or used in a few named places only. */
export interface Lock {
  /** The packages or built-in modules, `*` at the end for a prefix. */
  readonly imports?: readonly string[]
  /** Only these names of them are locked. Absent: all but `harmless`. */
  readonly names?: readonly string[]
  /** Names that may be taken anywhere: they do not do what the lock is for. */
  readonly harmless?: readonly string[]
  /** May types be imported anywhere? */
  readonly types?: true
  /** Globals and their members: `fetch`, `Date.now`, `process.env`, `new Date()`, `await`. */
  readonly uses?: readonly string[]
  /** Only files that match are locked. Absent: all of `server/src`. */
  readonly inside?: RegExp
  /** Who has the key, as a pattern over paths below `server/src`. Absent: nobody. */
  readonly key?: RegExp
  readonly reason: string
}

/** The locked doors of the house, each with its reason. */
export const locks: readonly Lock[] = [
  {
    imports: ['kysely', 'kysely/*', 'pg', 'pg-*', 'node:sqlite'],
    key: /^store\//,
    // The one socket that does not pass base/dial.ts: where the database is stands in the environment of the operator,
    // who may well keep it at a private address; no request, record or answer has a say in it.
    reason: 'SQL is only in store: one place to keep two databases in step',
  },
  {
    imports: ['undici', 'node:net', 'node:tls', 'node:dns', 'node:dns/promises', 'node:dgram', 'node:http2'],
    harmless: ['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress'],
    types: true,
    key: /^base\/(dial|listen)(\.|\/|-)/,
    reason: 'sockets go out only through base/dial.ts: the one guard against requests to inner addresses',
  },
  {
    imports: ['node:http', 'node:https'],
    harmless: ['STATUS_CODES', 'METHODS', 'validateHeaderName', 'validateHeaderValue'],
    types: true,
    key: /^base\/(dial|listen)(\.|\/|-)/,
    reason: 'http is spoken by base/listen.ts (inwards) and base/dial.ts (outwards) only',
  },
  {
    uses: ['fetch', 'WebSocket', 'EventSource'],
    key: /^base\/dial(\.|\/|-)/,
    reason: 'sockets go out only through base/dial.ts: the one guard against requests to inner addresses',
  },
  {
    imports: ['@modelcontextprotocol/client'],
    types: true,
    key: /^gateway\/(upstream\/oauth\/|connections\.ts$)/,
    reason: 'it fetches by itself unless it is given the fetch of base/dial.ts, as gateway/upstream/oauth does',
  },
  {
    imports: ['openid-client'],
    types: true,
    key: /^(identity\/idp|gateway\/upstream\/(on-behalf|oauth))\//,
    reason: 'it fetches by itself unless it is given the fetch of base/dial.ts, as identity/idp does',
  },
  {
    imports: ['node:module', 'node:inspector', 'node:inspector/promises'],
    key: /^gateway\/builtin\.ts$/,
    reason: 'they load or open what no rule of this file can see',
  },
  {
    uses: ['process.getBuiltinModule', 'process.binding'],
    reason: 'a module that is fetched by name cannot be checked: import it',
  },
  {
    imports: ['jose'],
    names: ['createRemoteJWKSet'],
    reason: 'it fetches by itself, past the guard of base/dial.ts: fetch the keys through the dialer',
  },
  {
    imports: ['jose'],
    names: ['jwtVerify', 'jwtDecrypt'],
    key: /^base\/verify-jwt\.ts$/,
    reason: 'unless it is told the time it asks the machine, which may be wrong: base/verify-jwt.ts tells it',
  },
  {
    imports: ['node:child_process', 'node:cluster'],
    key: /^gateway\/upstream(s?\.ts$|\/)/,
    reason: 'programs are started only as upstreams, where their environment and their end are looked after',
  },
  {
    imports: ['oidc-provider'],
    key: /^oauth\//,
    reason: 'the protocol engine stays behind oauth, so that it can be exchanged',
  },
  {
    imports: ['node:*'],
    inside: /^policy\//,
    reason: 'policy is pure: it imports nothing that waits or looks around',
  },
  {
    uses: ['async', 'await', 'Promise', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
    inside: /^policy\//,
    reason: 'policy is pure: it answers at once, from its facts',
  },
  {
    uses: ['process.env'],
    key: /^(cli\/|base\/config(\.|\/|-))/,
    reason: 'settings come in through base/config.ts, checked; nothing else reads the environment',
  },
  {
    imports: ['node:process'],
    names: ['env'],
    key: /^(cli\/|base\/config(\.|\/|-))/,
    reason: 'settings come in through base/config.ts, checked; nothing else reads the environment',
  },
  {
    uses: ['Date.now', 'new Date()', 'performance.now'],
    key: /^base\/clock\.ts$/,
    reason: 'time comes from base/clock.ts, so that tests can set it',
  },
  {
    uses: ['Math.random'],
    reason: 'chance comes from base/ids.ts, which cannot be guessed',
  },
]

/** Files that must work without something, however deep it is imported. */
export const sealed = [
  {
    file: 'ledger/verify.ts',
    without: /^(store\/|base\/(dial|listen))/,
    withoutImports: [
      'undici',
      'kysely',
      'pg',
      'node:sqlite',
      'node:net',
      'node:tls',
      'node:http',
      'node:https',
      'node:dns',
    ],
    reason: 'a ledger is verified offline: neither store nor network, nor anything that brings them',
  },
] as const
