import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** A cable between two that speak TCP: it can be cut, so that neither hears anything more, and joined again. */
export interface CutProxy {
  port: number
  /** From now on nothing passes in either direction; nobody is told. New connections are taken and led nowhere. */
  cut(): void
  /** What hung is broken off, and new connections pass again. */
  join(): void
}

/** Opens a cable to a port of this machine. */
export async function openCutProxy(t: TestContext, port: number): Promise<CutProxy> {
  const sockets = new Set<Socket>()
  let whole = true
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    return socket.once('close', () => sockets.delete(socket))
  }
  const server = createServer((from) => {
    keep(from)
    if (!whole) return
    const to = keep(connect(port, '127.0.0.1'))
    from.on('data', (chunk) => whole && to.write(chunk))
    to.on('data', (chunk) => whole && from.write(chunk))
    // While the cable is cut, that one end is gone is not heard at the other.
    from.once('close', () => whole && to.destroy())
    to.once('close', () => whole && from.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const breakOff = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  t.after(() => {
    breakOff()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      whole = false
    },
    join: () => {
      breakOff()
      whole = true
    },
  }
}
