import { isIP } from 'node:net'
import { dirname, resolve } from 'node:path'
import { isLoopbackHost, originProblem } from './config/address.ts'
import type { ClaimPath } from './config/preset.ts'
import { readOnBehalf, type OnBehalf } from './config/on-behalf.ts'
import { describeIssues, readSource } from './config/problems.ts'
import { type TransmitterConfig, transmitterProblems } from './config/transmitter.ts'
import { type EnterpriseIssuer, type ExchangeConfig, exchangeProblems, type WorkloadIssuer } from './config/machines.ts'
import { fileSchema, listenText, splitListen } from './config/schema.ts'
import type { ConfigFile } from './config/schema.ts'
import { Fault } from './fault.ts'

export type { EnterpriseIssuer, ExchangeConfig, WorkloadIssuer } from './config/machines.ts'
export type { TransmitterConfig } from './config/transmitter.ts'

export type { OnBehalf, OwnClient } from './config/on-behalf.ts'

/** An identity provider that people sign in through. */
export interface OidcProviderConfig {
  /** Its short name in addresses and records; never changes. */
  id: string
  /** What the sign-in page calls it. */
  name: string
  issuer: string
  clientId: string
  /** Absent: a client that signs, or a public one, with PKCE alone. */
  clientSecret: string | undefined
  /** Whom the assertion of a client that signs is for; absent: it does not sign. */
  signsFor: 'issuer' | 'token_endpoint' | undefined
  scopes: string[]
  /** Whose e-mail addresses lead here from the sign-in page. */
  domains: string[]
  /** Whether the sign-in page shows a button for it. */
  button: boolean
  prompt: 'login' | 'select_account' | 'consent' | undefined
  /** What every sign-in must show. */
  require: {
    /** One of these; empty: any. */
    acr: string[]
    /** All of these. */
    amr: string[]
    maxAgeSeconds: number | undefined
    /** Claim → the values of which it must have one. */
    claims: Record<string, string[]>
  }
  claims: { name: ClaimPath; email: ClaimPath; groups: ClaimPath | undefined }
  /** Where the groups are asked for when they are too many for a token; absent: such a sign-in fails. */
  groupsEndpoint: string | undefined
  /** Parameters of the authorization request beside those of the protocol. */
  hints: Record<string, string>
  /** Whether a back-channel logout ends the grants of the person too, and not only his sign-ins. */
  logoutEndsGrants: boolean
  /** Whether it provisions its people: then which attribute there holds what this claim says when they sign in. */
  provisioning?: { subject: 'externalId' | 'userName'; claim: 'sub' | 'oid'; endingsPerHour: number } | undefined
}

/** An application that signs people in by a session of its own. */
export interface BridgeConfig {
  /** Its short name in addresses and records, and the issuer of its people (`bridge:<id>`); never changes. */
  id: string
  /** What the sign-in page calls it. */
  name: string
  /** Where the browser is sent to. */
  loginUrl: string
  /** What its backend proves itself by, 32 characters at least. */
  secret: string
}

/** A client that is known without registering. */
export interface PreregisteredClient {
  id: string
  name: string
  redirectUris: string[]
  /** Absent: it signs, or is a public client. */
  secret: string | undefined
  /** Its public keys, or where they are, if it proves itself by signing. */
  jwks?: { keys: Record<string, unknown>[] } | undefined
  jwksUri?: string | undefined
  /** Upstreams about whose access tokens it may ask (RFC 7662). */
  introspects: string[]
  /** The machine that it is, by name. */
  machine?: string | undefined
  /** What tokens of people it may exchange for ours. */
  exchange?: ExchangeConfig | undefined
}

/** A program that an upstream of kind `stdio` may be. It never sees our environment, only `env`. */
export interface LaunchConfig {
  command: string
  args: string[]
  env: Record<string, string>
  /** One process for everybody, or one for each principal, `processesMax` at once. */
  process: 'shared' | 'per_principal'
  processesMax: number
  /** Whether it must be, should be or is not confined. */
  sandbox: 'required' | 'when_available' | 'off'
  /** Within the sandbox: whether it has the network, and what of the file system it has beside its own folder. */
  network: boolean
  readable: string[]
  writable: string[]
}

/** Everything that can be set, checked and with all defaults. Secrets are in it: never log it. */
export interface Config {
  /** The public origin, as `URL.origin` writes it. Issuer of tokens and base of every link. */
  origin: string
  listen: { host: string; port: number }
  /** The `Host` values that are answered: the public origin, and loopback with the port that we listen on. */
  hosts: string[]
  tls: { certFile: string; keyFile: string } | undefined
  /** Addresses and networks whose `X-Forwarded-*` is believed. */
  trustedProxies: string[]
  /** Absolute path of the data folder. */
  dataDir: string
  /** A PostgreSQL URL; absent: SQLite in the data folder. */
  databaseUrl: string | undefined
  /** 32 bytes from the environment; wins over the file. */
  masterKey: Uint8Array | undefined
  /** Absolute path of the file with the master key; absent: the vault keeps its own in the data folder. */
  masterKeyFile: string | undefined
  login: {
    /** Who of those with a password here must have a passkey behind his sign-in. */
    local: { enabled: boolean; passkeys: 'offered' | 'administrators' | 'everybody' }
    oidc: OidcProviderConfig[]
    bridge: BridgeConfig[]
  }
  clients: {
    /** Which may be used: all that came by themselves, those that an administrator admitted, or only `preregistered`. */
    admission: 'open' | 'reviewed' | 'preregistered'
    /** When clients that nobody uses are forgotten: those that never led to a grant, and all others. */
    expiry: { neverUsedAfterDays: number; unusedAfterDays: number }
    registration: { enabled: boolean; perHourMax: number }
    metadataDocuments: { enabled: boolean; hosts: string[] }
    preregistered: PreregisteredClient[]
    enterprise: EnterpriseIssuer[]
  }
  /** Transmitters of security events; what they say can only take rights away. */
  signals: TransmitterConfig[]
  workloads: WorkloadIssuer[]
  /** What may be reached although it is private, as `host:port` or `network/bits:port`. */
  egress: {
    /** By what this process fetches for its own use: keys and discovery of identity providers, documents of clients. */
    allowPrivate: string[]
    /** By each upstream, by its name. */
    upstreams: ReadonlyMap<string, readonly string[]>
  }
  /** Upstreams, by name, that are called in the name of a person. */
  onBehalf: ReadonlyMap<string, OnBehalf>
  /** Launch specifications by name, beside the built-in ones. */
  stdio: Record<string, LaunchConfig>
  /** Keys of access tokens are replaced when they are older. */
  keys: { rotateAfterDays: number }
  /** OpenAPI documents by name: where each lies, and where its API is if the document does not say. */
  openapi: Record<string, { file: string; server: string | undefined }>
  log: { level: 'debug' | 'info' | 'warn' | 'error' }
}

/** What configuration is made of. Nothing else is read. */
export interface ConfigSource {
  /** The file, when there is one. Relative paths in it start at its folder. */
  file?: { path: string; text: string } | undefined
  env: Readonly<Record<string, string | undefined>>
  /** Where relative paths from the environment, and the default data folder, start. */
  cwd: string
}

/**
 * Reads the configuration: the file, then the environment over it, then the defaults.
 *
 * Pure: opens no file and changes nothing. Either everything is right or nothing is returned.
 *
 * @returns The configuration, paths absolute and secrets resolved from the environment.
 * @throws {Fault} `config.invalid`, whose message lists every problem with `file:line` or the variable, and what to do.
 * @see docs/operate/configuration.md
 */
export function readConfig(source: ConfigSource): Config {
  const problems: string[] = []
  const file = readFileText(source, problems)
  stop(problems)
  const env = readEnvironment(source.env, problems)
  const secretOf = (name: string | undefined, place: string) => {
    if (name === undefined) return undefined
    const secret = source.env[name]
    if (!secret) problems.push(`${place}: the environment variable \`${name}\` is not set`)
    return secret || undefined
  }
  const base = source.file ? dirname(resolve(source.cwd, source.file.path)) : source.cwd
  const origin = env.origin ?? file.origin ?? 'http://127.0.0.1:8700'
  const listen = readListen(origin, env.listen ?? file.listen)
  const databaseUrl = readDatabaseUrl(source.env, secretOf(file.database?.urlEnv, '`database.urlEnv`'), problems)
  const config: Config = {
    origin,
    listen,
    hosts: hostsOf(origin, listen.port),
    tls: file.tls && { certFile: resolve(base, file.tls.certFile), keyFile: resolve(base, file.tls.keyFile) },
    trustedProxies: file.trustedProxies,
    dataDir: env.data
      ? resolve(source.cwd, env.data)
      : file.data
        ? resolve(base, file.data)
        : resolve(source.cwd, '.sallyport'),
    databaseUrl,
    masterKey: env.masterKey,
    masterKeyFile: file.masterKeyFile && resolve(base, file.masterKeyFile),
    login: {
      local: file.login.local,
      oidc: file.login.oidc.map(({ clientSecretEnv, ...provider }) => ({
        ...provider,
        clientSecret: secretOf(clientSecretEnv, `\`login.oidc\`, provider \`${provider.id}\``),
      })),
      bridge: file.login.bridge.map(({ secretEnv, ...bridge }) => ({
        ...bridge,
        secret: secretOf(secretEnv, `\`login.bridge\`, application \`${bridge.id}\``) ?? '',
      })),
    },
    clients: {
      ...file.clients,
      // Where only clients of the configuration may be used, none is let come by itself.
      ...(file.clients.admission === 'preregistered' && {
        registration: { ...file.clients.registration, enabled: false },
        metadataDocuments: { ...file.clients.metadataDocuments, enabled: false },
      }),
      preregistered: file.clients.preregistered.map(({ secretEnv, ...client }) => ({
        ...client,
        secret: secretOf(secretEnv, `\`clients.preregistered\`, client \`${client.id}\``),
      })),
    },
    signals: file.signals.map(({ push, poll, people, ...one }) => {
      const place = `\`signals\`, transmitter \`${one.id}\``
      return {
        ...one,
        people: people ?? one.issuer,
        push: push && { authorization: secretOf(push.authorizationEnv, place) },
        poll: poll && { url: poll.url, everySeconds: poll.everySeconds, token: secretOf(poll.tokenEnv, place) ?? '' },
      }
    }),
    workloads: file.workloads,
    egress: { ...file.egress, upstreams: new Map(Object.entries(file.egress.upstreams)) },
    onBehalf: new Map(Object.entries(file.onBehalf).map(([name, one]) => [name, readOnBehalf(name, one, secretOf)])),
    stdio: file.stdio,
    keys: file.keys,
    openapi: Object.fromEntries(
      Object.entries(file.openapi).map(([name, one]) => [name, { file: resolve(base, one.file), server: one.server }]),
    ),
    log: { level: env.logLevel ?? file.log.level },
  }
  checkTogether(config, problems)
  stop(problems)
  return config
}

function readFileText(source: ConfigSource, problems: string[]): ConfigFile {
  const parsed = source.file ? readSource(source.file.path, source.file.text) : { value: {}, placeOf: () => 'defaults' }
  if (Array.isArray(parsed)) {
    problems.push(...parsed)
    return fileSchema.parse({})
  }
  const result = fileSchema.safeParse(parsed.value)
  if (result.success) return result.data
  problems.push(...describeIssues(result.error.issues, parsed, fileSchema))
  return fileSchema.parse({})
}

interface Environment {
  origin: string | undefined
  listen: string | undefined
  data: string | undefined
  masterKey: Uint8Array | undefined
  logLevel: Config['log']['level'] | undefined
}

function readEnvironment(env: ConfigSource['env'], problems: string[]): Environment {
  const read = (name: string, problem: (text: string) => string | undefined) => {
    const text = env[name] || undefined
    const found = text === undefined ? undefined : problem(text)
    if (found) problems.push(`environment variable \`${name}\` ${found}`)
    return found ? undefined : text
  }
  const key = read('SALLYPORT_MASTER_KEY', (text) =>
    /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? undefined : 'must be 32 random bytes in base64: `openssl rand -base64 32`',
  )
  const level = read('SALLYPORT_LOG_LEVEL', (text) =>
    ['debug', 'info', 'warn', 'error'].includes(text) ? undefined : 'must be one of debug, info, warn, error',
  )
  return {
    origin: read('SALLYPORT_ORIGIN', originProblem),
    listen: read('SALLYPORT_LISTEN', (text) => listenText.safeParse(text).error?.issues[0]?.message),
    data: env['SALLYPORT_DATA'] || undefined,
    masterKey: key === undefined ? undefined : new Uint8Array(Buffer.from(key, 'base64')),
    logLevel: level as Config['log']['level'] | undefined,
  }
}

function readListen(origin: string, text: string | undefined): { host: string; port: number } {
  if (text !== undefined) return splitListen(text)
  const url = new URL(origin)
  if (!isLoopbackHost(url.hostname)) return { host: '127.0.0.1', port: 8700 }
  const host = url.hostname === 'localhost' ? '127.0.0.1' : url.hostname.replace(/^\[|\]$/g, '')
  return { host, port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)) }
}

function hostsOf(origin: string, port: number): string[] {
  const loopback = ['127.0.0.1', 'localhost', '[::1]'].map((name) => new URL(`http://${name}:${port}`).host)
  return [...new Set([new URL(origin).host, ...loopback])]
}

function readDatabaseUrl(env: ConfigSource['env'], named: string | undefined, problems: string[]): string | undefined {
  const url = named ?? (env['DATABASE_URL'] || undefined)
  if (url !== undefined && !/^postgres(?:ql)?:\/\/\S+$/.test(url)) {
    problems.push(
      'the database URL must start with `postgres://`: only PostgreSQL is supported (leave it out for SQLite)',
    )
  }
  return url
}

/** Settings that are right alone and wrong together. */
function checkTogether(config: Config, problems: string[]): void {
  const secure = config.origin.startsWith('https:')
  if (config.tls && !secure)
    problems.push(`\`tls\` is set, so \`origin\` must start with https (it is \`${config.origin}\`)`)
  if (!isLoopbackHost(config.listen.host) && !config.tls && config.trustedProxies.length === 0) {
    problems.push(
      `\`listen\` is \`${config.listen.host}\`, which others can reach over plain http: ` +
        'set `tls`, or name the proxy in front in `trustedProxies`, or listen on 127.0.0.1',
    )
  }
  problems.push(...exchangeProblems(config.clients))
  const { local, oidc, bridge } = config.login
  if (!local.enabled && oidc.length === 0 && bridge.length === 0) {
    problems.push('`login.local.enabled` is false, `login.oidc` and `login.bridge` are empty: nobody could sign in')
  }
  for (const [name, one] of config.onBehalf) {
    const provider = 'provider' in one ? one.provider : 'people' in one ? one.people : undefined
    if (provider !== undefined && !oidc.some(({ id }) => id === provider))
      problems.push(`\`onBehalf.${name}\`: \`${provider}\` is not the \`id\` of a provider in \`login.oidc\``)
  }
  if (local.passkeys !== 'offered' && isIP(new URL(config.origin).hostname.replace(/^\[|\]$/g, '')) !== 0) {
    problems.push(
      `\`login.local.passkeys\` is \`${local.passkeys}\`, but browsers make no passkeys for \`${config.origin}\`: ` +
        '`origin` must have a name, such as `http://localhost:8700`',
    )
  }
  for (const { id, secret } of bridge) {
    if (oidc.some((provider) => provider.id === id))
      problems.push(`\`login.bridge\`: \`${id}\` is the \`id\` of a provider in \`login.oidc\` too`)
    if (secret !== '' && !/^[\x21-\x7e]{32,1024}$/.test(secret))
      problems.push(
        `\`login.bridge\`: the secret of \`${id}\` must have 32 characters or more, without spaces: \`openssl rand -base64 32\``,
      )
  }
  problems.push(...transmitterProblems(config))
}

function stop(problems: string[]): void {
  if (problems.length === 0) return
  throw new Fault('config.invalid', `cannot use the configuration:\n  ${problems.slice(0, 10).join('\n  ')}`)
}
