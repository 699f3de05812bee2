import type { Socket } from 'node:net'
import { buildConnector } from 'undici'
import { Fault } from '../fault.ts'
import { connectAttemptsMax, connectTimeoutMs } from '../limits.ts'
import { readHost, refusalOf } from './address.ts'
import type { Destination } from './address.ts'
import type { AllowList } from './allowed.ts'

/** Resolves a name to all its addresses. */
export type Lookup = (hostname: string) => Promise<{ address: string }[]>

type Connect = buildConnector.connector

// No honest name has as many; each would have to be judged.
const addressesMax = 256

/**
 * The connector of every socket that leaves: resolves once, judges every address, and connects to one that was judged.
 * Literal addresses come the same way. The name goes on as TLS server name only.
 */
export function guardedConnector(allowed: AllowList, lookup: Lookup): Connect {
  const connect = buildConnector({ allowH2: false, timeout: connectTimeoutMs })
  return (options, callback) => {
    const port = Number(options.port || (options.protocol === 'https:' ? 443 : 80))
    const to: Destination = { protocol: options.protocol, hostname: options.hostname, port }
    const run = async () => {
      let socket: Socket
      try {
        socket = await reach(connect, options, await judge(to, allowed, lookup))
      } catch (error) {
        callback(error instanceof Error ? error : new Error(String(error)), null)
        return
      }
      callback(null, socket)
    }
    void run()
  }
}

async function reach(connect: Connect, options: buildConnector.Options, addresses: string[]): Promise<Socket> {
  let failure: unknown
  for (const address of addresses.slice(0, connectAttemptsMax)) {
    try {
      return await open(connect, { ...options, hostname: address })
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

/** All addresses of the destination, if every one of them may be reached. */
async function judge(to: Destination, allowed: AllowList, lookup: Lookup): Promise<string[]> {
  const host = readHost(to.hostname)
  if (typeof host === 'string') throw refused(to, host)
  const found = 'address' in host ? [host] : await resolve(host.name, lookup)
  for (const { address } of found) {
    // One bad address among good ones is how rebinding begins: none of them is used.
    const refusal = refusalOf(address, to, allowed)
    if (refusal) throw refused(to, refusal)
  }
  return found.map(({ address }) => address)
}

async function resolve(name: string, lookup: Lookup): Promise<{ address: string }[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the name was not resolved in time')), connectTimeoutMs)
  })
  try {
    const found = await Promise.race([lookup(name), late])
    if (found.length === 0) throw new Error('the name has no address')
    if (found.length > addressesMax) throw new Error(`the name has ${found.length} addresses`)
    return found
  } catch (cause) {
    throw new Fault('base.unreachable', `cannot reach \`${name}\``, { detail: String(cause), cause })
  } finally {
    clearTimeout(timer)
  }
}

function open(connect: Connect, options: buildConnector.Options): Promise<Socket> {
  return new Promise((resolve, reject) => {
    connect(options, (error, socket) => {
      if (error) reject(error)
      else resolve(socket!)
    })
  })
}

/** The fault of a destination that may not be reached. The detail is for the log: it tells what a name resolved to. */
export function refused(to: Destination, detail: string): Fault {
  const message = `cannot connect to \`${to.hostname.slice(0, 100)}\` on port ${to.port}: the configuration does not allow this destination (\`egress\`)`
  return new Fault('base.address_refused', message, { detail })
}
