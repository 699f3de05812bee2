import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { Fault } from './fault.ts'
import * as limits from './limits.ts'
import { answerFault, faultOf } from './listen/answer-fault.ts'
import { clientAddress, readProxies } from './listen/client-address.ts'
import { readOtherName } from './listen/other-name.ts'
import { rawPathOf } from './listen/raw-target.ts'
import type { Log } from './log.ts'

/** One part of what is served: the first door that matches the path gets the request. */
export interface Door {
  /** For the log. */
  name: string
  /** @param path The raw path, as it was sent, without the query; free of dot segments and encoded separators. */
  match(path: string): boolean
  /**
   * Whether it sends the security headers itself, in the list of headers with which it answers: where thousands of answers
   * go out in a second, setting them one by one before takes longer than the rest of the head.
   */
  secures?: true
  /**
   * Answers. What it throws becomes the answer, unless one has begun: then the connection is cut.
   *
   * @param security The security headers, names and values in turn: on the answer already, unless it `secures` itself.
   */
  handle(req: IncomingMessage, res: ServerResponse, security: readonly string[]): Promise<void> | void
}

/** How and for whom to listen. */
export interface ListenOptions {
  host: string
  /** 0 takes any free port; entries of `hosts` that end in `:0` then get that port. */
  port: number
  /** `Host` values that are answered, exactly, in lower case; all others get 403. */
  hosts: string[]
  /** The public address: who came by another name of this machine is sent there. Absent: every host of `hosts` serves. */
  origin?: string
  doors: Door[]
  log: Log
  /** Addresses and networks whose `X-Forwarded-For` is believed. */
  trustedProxies: string[]
  /** Paths of PEM files, for TLS of our own. */
  tls?: { certFile: string; keyFile: string } | undefined
  /** The public origin is https: browsers are told to stay there. */
  secure?: boolean
}

/** A door frame that stands open. */
export interface Listener {
  /** Address of the socket, such as `http://127.0.0.1:8700`. */
  url: string
  port: number
  /** Stops accepting, waits 5 s at most for answers under way, then cuts what is left. Resolves when all is closed. */
  close(): Promise<void>
}

const client: unique symbol = Symbol('client address')
type Seen = IncomingMessage & { [client]?: string }

/**
 * Opens the listening socket and sends each request to its door.
 *
 * A door sees only requests whose `Host` is ours, whose path reads one way only, and that carry no forwarding headers;
 * who sent them is `clientAddressOf`. Every answer has the security headers, which a door may replace.
 *
 * @returns When the socket accepts connections.
 * @throws {Fault} `base.cannot_listen` if the address is taken, not ours, or not allowed to us; `config.invalid` if the
 *   TLS files cannot be used.
 */
export async function openListener(options: ListenOptions): Promise<Listener> {
  const server = createFor(options)
  server.maxConnections = limits.connectionsMax
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuseSocket(error, socket))
  await bind(server, options)
  const { port } = server.address() as AddressInfo
  const hosts = new Set(options.hosts.map((host) => host.toLowerCase().replace(/:0$/, `:${port}`)))
  const isProxy = readProxies(options.trustedProxies)
  const serving: Serving = { ...options, hosts, isProxy, security: securityHeaders(options.secure === true) }
  let closing = false
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    if (closing) res.setHeader('connection', 'close')
    void serve(req, res, serving)
  })
  const name = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    url: `${options.tls ? 'https' : 'http'}://${name}:${port}`,
    port,
    close: () => {
      closing = true
      return closeServer(server)
    },
  }
}

/**
 * Reads a request body to its end.
 *
 * @param bytesMax Largest size; what says that it is larger is refused before it is read.
 * @throws {Fault} `base.too_large` (413) over the size; `base.bad_request` if the body is compressed (415) or breaks off.
 */
export async function readBody(req: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const tooLarge = () => new Fault('base.too_large', `cannot take a body of more than ${bytesMax} bytes`)
  if (Number(req.headers['content-length'] ?? 0) > bytesMax) throw tooLarge()
  if ((req.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new Fault('base.bad_request', 'cannot take a compressed body', { status: 415 })
  }
  const chunks: Buffer[] = []
  let size = 0
  await new Promise<void>((resolve, reject) => {
    req.on('data', (chunk: Buffer) => {
      size += chunk.byteLength
      if (size > bytesMax) {
        req.pause()
        reject(tooLarge())
      } else {
        chunks.push(chunk)
      }
    })
    const broken = (cause?: unknown) => reject(new Fault('base.bad_request', 'the request broke off', { cause }))
    const closed = () => broken()
    req.once('error', broken)
    req.once('close', closed)
    req.once('end', () => {
      // Every request closes in the end: a fault for each, with its stack, would be a fiftieth of a tool call.
      req.off('close', closed)
      resolve()
    })
    if (req.destroyed && !req.complete) broken()
  })
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)
}

/**
 * Who sent this request: an IP address. Behind a named proxy, the address that the proxy names.
 *
 * For limits and records; never a proof of who somebody is.
 */
export function clientAddressOf(req: IncomingMessage): string {
  return (req as Seen)[client] ?? 'unknown'
}

interface Serving {
  hosts: Set<string>
  doors: Door[]
  log: Log
  isProxy: ReturnType<typeof readProxies>
  security: readonly string[]
  origin?: string
}

async function serve(req: IncomingMessage, res: ServerResponse, serving: Serving): Promise<void> {
  let door: Door | undefined
  let secured = false
  const secure = (): void => {
    secured = true
    for (let i = 0; i < serving.security.length; i += 2) res.setHeader(serving.security[i]!, serving.security[i + 1]!)
  }
  try {
    const path = admit(req, serving)
    door = serving.doors.find((candidate) => candidate.match(path))
    if (door?.secures !== true) secure()
    const location = serving.origin === undefined ? undefined : readOtherName(req, serving.origin)
    if (location !== undefined) {
      secure()
      return void res.writeHead(307, { location, 'cache-control': 'no-store' }).end()
    }
    if (!door) throw new Fault('base.not_found', 'there is nothing at this address')
    await door.handle(req, res, serving.security)
  } catch (error) {
    if (!secured && !res.headersSent) secure()
    const fault = faultOf(error)
    if (fault.status >= 500) serving.log.error({ door: door?.name, error }, 'a request failed')
    else serving.log.debug({ door: door?.name, error }, 'a request was refused')
    try {
      answerFault(req, res, fault)
    } catch (error) {
      // Whatever it is, it ends one connection and not the process.
      serving.log.error({ door: door?.name, error }, 'a request could not be answered')
      res.destroy()
    }
  }
}

function securityHeaders(secure: boolean): readonly string[] {
  return Object.entries({
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    ...(secure && { 'strict-transport-security': 'max-age=31536000' }),
  }).flat()
}

// Headers of which there is one or none. Node would take the first, others the last.
const single = ['host', 'authorization', 'content-type', 'origin', 'dpop']
const forwarding = /^(?:forwarded|x-forwarded-.*|x-real-ip|x-original-.*|x-rewrite-url)$/

function admit(req: IncomingMessage, { hosts, isProxy }: Serving): string {
  const raw = req.rawHeaders
  let singles = 0
  let forwards = false
  for (let i = 0; i < raw.length; i += 2) {
    const { name, bit, forwarding } = traitsOf(raw[i]!)
    if ((singles & bit) !== 0) throw new Fault('base.bad_request', `the header \`${name}\` comes twice`)
    singles |= bit
    forwards ||= forwarding
  }
  if (!hosts.has((req.headers.host ?? '').toLowerCase())) {
    throw new Fault('base.host_refused', 'this is not the address of the gateway', {
      detail: `Host ${JSON.stringify(req.headers.host ?? '')}`,
    })
  }
  ;(req as Seen)[client] = forwards ? takeForwarding(req, isProxy) : peerOf(req.socket)
  return rawPathOf(req.url ?? '')
}

interface Traits {
  name: string
  /** Of a header of which there is one or none: a bit of its own. */
  bit: number
  forwarding: boolean
}

// The same few names come with every request. What is made up by somebody is looked at each time.
const traits = new Map<string, Traits>()
const traitsMax = 200

function traitsOf(raw: string): Traits {
  const known = traits.get(raw)
  if (known !== undefined) return known
  const name = raw.toLowerCase()
  const place = single.indexOf(name)
  const found = { name, bit: place < 0 ? 0 : 1 << place, forwarding: forwarding.test(name) }
  if (traits.size < traitsMax) traits.set(raw, found)
  return found
}

// Once for each connection: it is asked for with every request, and the system each time.
function peerOf(socket: Socket & { [client]?: string }): string {
  return (socket[client] ??= clientAddress(socket.remoteAddress ?? 'unknown', undefined, () => false))
}

function takeForwarding(req: IncomingMessage, isProxy: Serving['isProxy']): string {
  const forwarded = req.headers['x-forwarded-for']
  const peer = req.socket.remoteAddress ?? ''
  const kept: string[] = []
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    if (!traitsOf(req.rawHeaders[i]!).forwarding) kept.push(req.rawHeaders[i]!, req.rawHeaders[i + 1]!)
  }
  req.rawHeaders = kept
  for (const name of Object.keys(req.headers)) if (forwarding.test(name)) delete req.headers[name]
  return clientAddress(peer, Array.isArray(forwarded) ? forwarded.join(',') : forwarded, isProxy)
}

function createFor({ tls }: ListenOptions): Server {
  const options: ServerOptions = {
    insecureHTTPParser: false,
    requireHostHeader: true,
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: 5_000,
    noDelay: true,
  }
  if (!tls) return createServer(options)
  try {
    const cert = readFileSync(tls.certFile)
    const key = readFileSync(tls.keyFile)
    return createTlsServer({ ...options, cert, key, minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] })
  } catch (cause) {
    const message = `cannot use the TLS files \`${tls.certFile}\` and \`${tls.keyFile}\`: check \`tls\``
    throw new Fault('config.invalid', message, { detail: String(cause), cause })
  }
}

async function bind(server: Server, { host, port }: ListenOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why: Record<string, string> = {
        EADDRINUSE: 'another program (perhaps a second Sallyport) uses it; stop it or set `listen`',
        EACCES: 'the system does not allow it; choose a port above 1023 in `listen`',
        EADDRNOTAVAIL: 'this machine does not have that address; set `listen`',
      }
      const name = host.includes(':') ? `[${host}]` : host
      const reason = why[error.code ?? ''] ?? 'the system refused; set `listen`'
      const message = `cannot listen on ${name}:${port}: ${reason}`
      reject(new Fault('base.cannot_listen', message, { detail: String(error), cause: error }))
    })
    server.listen({ host, port, exclusive: true, backlog: limits.connectingMax }, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })
}

/** The parser refused: nothing of the request is trusted, not even where it ends. */
function refuseSocket(error: NodeJS.ErrnoException, socket: Socket): void {
  const status: Record<string, string> = {
    HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
    ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  }
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  socket.end(
    `HTTP/1.1 ${status[error.code ?? ''] ?? '400 Bad Request'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  )
}

async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), limits.closeGraceMs)
    // A connection whose answer ends from now on is idle then, and its client would keep it open.
    const sweep = setInterval(() => server.closeIdleConnections(), limits.closeSweepMs)
    server.close(() => {
      clearTimeout(cut)
      clearInterval(sweep)
      resolve()
    })
    server.closeIdleConnections()
  })
}
