import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import type { TestContext } from 'node:test'
import type { House } from '../house.ts'

/**
 * A proxy before one replica, as a balancer before several would be: it passes everything on, under the `Host` of the
 * public origin.
 *
 * @returns where it listens.
 */
export async function openHostProxy(t: TestContext, house: Pick<House, 'url' | 'origin'>): Promise<string> {
  const { hostname, port } = new URL(house.url)
  const { host } = new URL(house.origin)
  const server = createServer((from, to) => {
    const { method, url: path } = from
    const forward = request({ hostname, port, method, path, headers: { ...from.headers, host } }, (answer) => {
      to.writeHead(answer.statusCode!, answer.rawHeaders)
      to.flushHeaders()
      pipeline(answer, to, () => undefined)
    })
    forward.on('error', () => to.destroy())
    to.on('close', () => forward.destroy())
    from.pipe(forward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
