import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/fault.ts'
import type { Receipt } from '../../ledger/intent.ts'
import type { Learnt } from '../../model/upstream.ts'
import type { RpcAnswer, RpcMessage, RpcNotification, RpcRequest, RpcResponse } from './message.ts'

/** How an upstream is reached, after the configuration had its say. */
export type ResolvedLaunch = StdioLaunch | OpenApiLaunch | { kind: 'http' | 'sse'; url: string }

/** Where the API is stands in `server` where its document does not say it, or must not. */
export type OpenApiLaunch =
  /** `file`: the absolute path of the document. */
  | { kind: 'openapi'; file: string; server: string | undefined }
  /** A document that is never another one, and how it is read. */
  | { kind: 'openapi'; digest: string; read(): Promise<string>; server: string }

export interface StdioLaunch {
  kind: 'stdio'
  command: string
  args: readonly string[]
  /** The whole environment beside `PATH`, `HOME` and the credential. */
  env: Readonly<Record<string, string>>
  /** The process's working and home folder; made when it is missing. Each principal's own lies in it. */
  folder: string
  /** One process for everybody, or one for each principal. */
  process: 'shared' | 'per_principal'
  /** Processes of this upstream at once, where each principal has one. */
  processesMax: number
  confine: Confine
}

/** Whether programs can be confined on this machine: what is to be run for it, or why not. */
export type Sandbox = { works: true; bwrap: string } | { works: false; why: string }

/** What a program may see beside the system, read-only, and its own folder. */
export interface Confine {
  sandbox: 'required' | 'when_available' | 'off'
  /** Whether it may use the network of this machine; not guarded by `base/dial.ts` then. */
  network: boolean
  /** Absolute paths that it may read although they lie where it sees nothing. */
  readable: readonly string[]
  /** Absolute paths that it may change. */
  writable: readonly string[]
  /** Files and folders that it never sees, whatever else is said. */
  hidden: readonly string[]
}

export interface UpstreamSpec {
  name: string
  launch: ResolvedLaunch
  /** What an earlier probe learnt; spares the first call a round of getting to know each other. */
  learnt?: Pick<Learnt, 'era' | 'protocolVersion'> | undefined
}

export interface UpstreamNeeds {
  clock: Clock
  log: UpstreamLog
  /** Opens the sealed credential. `stdio` asks at each start of the process, `http` at each request, which it says. */
  credential(request?: Sending): Promise<SentCredential | undefined>
  /** Told what an upstream wants the next proof to hold (`DPoP-Nonce`), before anything else of its answer is. Its failure changes nothing of the answer. */
  onNonce?: ((nonce: string, url: URL) => Promise<void>) | undefined
  /**
   * Told when an upstream answers 401 or 403, with its `WWW-Authenticate` and what was sent.
   *
   * @returns whether there is another credential now: then the same request is sent once more, for a request that was
   *   refused in this way was not carried out.
   */
  onRefused?(refusal: Refusal): Promise<boolean>
  /**
   * The credential with which a session is ended, where none may be got for that alone; absent: `credential`. It is good
   * for every request, as none that is bound to a key is.
   *
   * @returns nothing when there is none at hand: the session is left to lapse.
   */
  parting?: (() => Promise<SentCredential | undefined>) | undefined
  /** Whether programs can be confined here; absent: they cannot. */
  sandbox?: (() => Promise<Sandbox>) | undefined
  /** The guarded way out, for `http`. */
  dispatcher?: MessageDispatcher | undefined
  /** Told when the upstream says that one of its lists has changed: by the method of its notification. */
  onListChanged?(method?: string): void
}

/** A request for which a credential is wanted: a proof is good for no other. */
export interface Sending {
  method: string
  url: URL
}

/** A credential as it is sent. */
export interface SentCredential {
  placement: 'env' | 'headers'
  values: Readonly<Record<string, string>>
}

export interface Refusal {
  status: number
  challenge: string | undefined
  sent: SentCredential | undefined
  /** What the next proof must hold. */
  nonce: string | undefined
}

export interface UpstreamLog {
  debug(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** A kind of upstream: one file, one line in `gateway/upstreams.ts`, and the contract suite that it passes. */
export interface UpstreamKind {
  /** Opens nothing yet that could fail: processes and connections come with the first use. */
  open(spec: UpstreamSpec, needs: UpstreamNeeds): UpstreamConnection
}

export interface UpstreamConnection {
  /**
   * Makes the call that the receipt proves to be recorded, once.
   *
   * Resolves with the whole answer, or with a stream as soon as the upstream says anything before its answer. Aborting
   * `signal`, and leaving the stream early, cancels the call at the upstream.
   *
   * @throws {Fault} see `mayHaveHappened`, which tells whether the upstream may have acted.
   */
  send(receipt: Receipt, request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamReply>
  /**
   * Asks what needs no decision: one of `controlMethods`, in the upstream's own era, on the gateway's own account.
   *
   * @returns The result.
   * @throws {Fault} `gateway.upstream_error` when it answers with an error, and what `send` throws.
   * @throws {TypeError} for any other method: that would be a call past both doors.
   */
  ask(request: ControlRequest, signal: AbortSignal): Promise<Record<string, unknown>>
  /** Contacts the upstream and learns its era and its name. Self-reported: never a ground for a decision. */
  learn(signal: AbortSignal): Promise<Learnt>
  /**
   * Listens to what the upstream says outside of any call, until `signal` ends it or the upstream offers no such stream.
   * Breaks are mended. Absent on kinds that say nothing there.
   */
  listen?(of: Listener, signal: AbortSignal): AsyncIterable<RpcNotification>
  /** Tells the upstream, in the caller's own session if it has one there, that the caller's roots have changed. */
  rootsChanged?(of: Pick<UpstreamRequest, 'callerKey' | 'protocolVersion'>): void
  /** Ends processes, sessions and calls in flight. */
  close(): Promise<void>
}

/** Who listens, and to what. */
export interface Listener extends Pick<UpstreamRequest, 'callerKey' | 'protocolVersion' | 'client' | 'ask'> {
  /** Whether to the news that lists have changed. */
  lists: boolean
  /** URIs of resources, to the news that they have changed. */
  resources: readonly string[]
  /** Called when it is heard, or known not to be: what an upstream says before is said to nobody. */
  onOpen?: () => void
}

export const controlMethods = [
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'ping',
] as const
export type ControlMethod = (typeof controlMethods)[number]

export interface ControlRequest {
  method: ControlMethod
  params?: Record<string, unknown> | undefined
}

/** A client as it describes itself: a ground for no decision, but an upstream may ask of it only what it declared. */
export interface UpstreamClient {
  info: { name: string; version: string }
  /** From which level on it wants log messages; absent: it did not say. */
  logLevel?: string | undefined
  capabilities: Readonly<Record<string, unknown>>
}

/** A question of an upstream, and whom to tell how far its answer is; of old clients alone that is heard. */
export interface PutQuestion extends RpcRequest {
  onProgress?: (params: Record<string, unknown>) => void
}

export interface UpstreamRequest {
  /** The request as it was judged. */
  message: RpcRequest
  /** The canonical JSON of `message`: what passes to the byte where client and upstream speak the same era. */
  text: string
  /** The revision that the client speaks on this request. */
  protocolVersion: string
  /**
   * Whose sessions with the upstream these are: callers with different keys never share one. It begins with the
   * word of the holder, and a blank.
   */
  readonly callerKey: string
  /** Whether the answer has to come whole, however long it is: those to our own questions, and whatever has to be changed. */
  whole?: true
  /** Whose process it is, where each principal has one; `callerKey` when absent. */
  principalId?: string | undefined
  /** What the client declared, though this call may make no use of it; as `client` says when absent. */
  declared?: UpstreamClient['capabilities'] | undefined
  /** What the client said of itself: what an upstream hears of it, whatever era either speaks. */
  client: UpstreamClient
  /**
   * Puts a question of the upstream to the client of this call, as the upstream's words, and resolves with its answer;
   * what cannot be asked is answered with an error. Absent where nobody can be asked: the upstream is told so.
   */
  ask?: ((question: PutQuestion, signal: AbortSignal) => Promise<RpcAnswer>) | undefined
  /** The client's `Mcp-Param-*` headers, names in lower case; nothing else of its headers is ever sent. */
  parameterHeaders?: Readonly<Record<string, string>> | undefined
  /** The accepted input schema, from which `Mcp-Param-*` headers are computed. */
  inputSchema?: unknown
  /** Digest of the accepted definition: where the tool is made here, it is made of no other. */
  definitionDigest?: string | undefined
}

/**
 * What the upstream answered, with the client's id. Small JSON answers, and those that the gateway has to change, come
 * whole; larger ones part by part (`flow`); streams event by event. All are bounded by `replyBytesMax`.
 */
export type UpstreamReply =
  | WholeReply
  | FlowingReply
  | { kind: 'stream'; status: 200; events: AsyncIterable<ReplyEvent> }

/**
 * A JSON answer on its way. It means nothing before its last byte: who passes the parts on keeps the last one back until
 * the generator has returned what they mean.
 */
export interface FlowingReply {
  kind: 'flow'
  status: number
  parts: AsyncGenerator<Uint8Array, { message: RpcResponse; bytes: Uint8Array }>
}

export interface WholeReply {
  kind: 'json'
  status: number
  bytes: Uint8Array
  /** What `bytes` are in UTF-8. */
  text: string
  message: RpcResponse
}

/** One message of a stream; the last one is the response. `text` is what passes, `message` what it means. */
export interface ReplyEvent {
  text: string
  message: RpcMessage
}

/** Largest answer, event or line of an upstream: 16 MiB, four times the largest request. */
export const replyBytesMax = 16 * 1024 * 1024

/** So much of a JSON answer is read before any of it passes: what is smaller is judged whole and fails in clear words. */
export const wholeBytesMax = 64 * 1024

/** The part of undici's dispatcher that the data path uses. */
export interface MessageDispatcher {
  dispatch(options: DispatchOptions, handler: DispatchHandler): boolean
}

export interface DispatchOptions {
  origin: string
  path: string
  method: string
  headers: Record<string, string>
  body: string | Buffer | null
}

export interface DispatchController {
  abort(reason: Error): void
  pause(): void
  resume(): void
}

export interface DispatchHandler {
  onRequestStart(controller: DispatchController): void
  onResponseStart(
    controller: DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void
  onResponseData(controller: DispatchController, chunk: Buffer): void
  onResponseEnd(): void
  onResponseError(controller: DispatchController, error: Error): void
}

const certainlyNotDone = new Set<string>([
  'base.address_refused',
  'gateway.exchange_failed',
  'gateway.launch_unknown',
  'gateway.not_connected',
  'gateway.upstream_busy',
  'gateway.upstream_refused',
  'gateway.upstream_unreachable',
  'vault.cannot_open',
])

/**
 * Whether the upstream may have acted although `send` threw: then the outcome is `unknown`, otherwise `failure`.
 */
export function mayHaveHappened(error: unknown): boolean {
  return !(error instanceof Fault && certainlyNotDone.has(error.code))
}
