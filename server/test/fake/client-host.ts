import { readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'

/** A host that describes a client: the client's id is the address of the document. */
export interface ClientHost {
  /** The client id. */
  id: string
  /** Requests so far, by their headers. */
  journal: IncomingHttpHeaders[]
  /** Answers a request; the document by default. */
  answer: (response: ServerResponse, headers: IncomingHttpHeaders) => void
  document: Record<string, unknown>
  readonly asked: number
}

/** Answers with the document of a host, as JSON. */
export function sendDocument(host: ClientHost, response: ServerResponse, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify({ client_id: host.id, ...host.document }))
}

/**
 * Opens such a host on a free port, and closes it when the test ends.
 *
 * @param options `tls`: over https, by a certificate that this process believes until then.
 */
export async function openClientHost(t: TestContext, { tls = false } = {}): Promise<ClientHost> {
  const host: ClientHost = {
    id: '',
    journal: [],
    document: {},
    answer: (response) => sendDocument(host, response),
    get asked() {
      return host.journal.length
    },
  }
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    host.journal.push(request.headers)
    host.answer(response, request.headers)
  }
  const server = tls ? createTlsServer(believedCertificate(t), serve) : createServer(serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  host.id = `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}/oauth/client.json`
  return host
}

function believedCertificate(t: TestContext): { cert: string; key: string } {
  const file = (name: string) => readFileSync(new URL(`pinned/${name}.pem`, import.meta.url), 'utf8')
  const before = getCACertificates()
  setDefaultCACertificates([...before, file('loopback')])
  t.after(() => setDefaultCACertificates(before))
  return { cert: file('loopback'), key: file('loopback-key') }
}
