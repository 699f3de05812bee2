import { connect, type Socket } from 'node:net'

/** Everything of a request but its length and its body. */
export function headOf(to: URL, headers: Record<string, string>): string {
  const lines = Object.entries({ host: to.host, 'content-type': 'application/json', ...headers })
  return `POST ${to.pathname} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}content-length: `
}

/** One connection that speaks as much HTTP as the answers here have. It does as little as it can. */
export class Client {
  readonly #socket: Socket
  #got = ''
  #waiting = Promise.withResolvers<string>()

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => this.#read(chunk))
    socket.on('error', (error) => this.#waiting.reject(error))
    socket.on('close', () => this.#waiting.reject(new Error('the connection was closed')))
  }

  static async open(to: URL): Promise<Client> {
    const socket = connect({ host: to.hostname, port: Number(to.port), noDelay: true })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new Client(socket)
  }

  /** Sends one request, whose body is ASCII, and waits for the answer to its end. */
  exchange(head: string, body: string): Promise<string> {
    this.#waiting = Promise.withResolvers()
    this.#socket.write(`${head}${body.length}\r\n\r\n${body}`, 'latin1')
    return this.#waiting.promise
  }

  #read(chunk: string): void {
    this.#got += chunk
    const end = this.#got.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#got)?.[1]
    const chunked = length === undefined && /\r\ntransfer-encoding: chunked\r\n/i.test(this.#got)
    if (length === undefined && !chunked) {
      return this.#waiting.reject(new Error(`an answer without a length: ${this.#got}`))
    }
    if (chunked ? !this.#got.endsWith('\r\n0\r\n\r\n') : this.#got.length < end + 4 + Number(length)) return
    const answer = this.#got
    this.#got = ''
    this.#waiting.resolve(answer)
  }

  close(): void {
    this.#waiting.promise.catch(() => undefined)
    this.#socket.destroy()
  }
}
