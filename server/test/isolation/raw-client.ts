import { connect, type Socket } from 'node:net'

/** An HTTP answer as it came, byte for byte. */
export interface RawAnswer {
  status: number
  body: string
  stream: boolean
}

/** One client with one connection that it keeps: the least that speaks HTTP/1.1, so that the load costs little. */
export class RawClient {
  readonly #host: string
  readonly #port: number
  readonly #path: string
  readonly #token: string
  #socket: Socket | undefined
  #text = ''
  #waiting: { resolve(answer: RawAnswer): void; reject(error: Error): void } | undefined

  constructor(of: { origin: string; path: string; token: string }) {
    const { hostname, port } = new URL(of.origin)
    this.#host = hostname
    this.#port = Number(port)
    this.#path = of.path
    this.#token = of.token
  }

  /** Sends one message and resolves with the whole answer. One at a time. */
  post(body: string, headers: string): Promise<RawAnswer> {
    const socket = this.#socket ?? this.#connect()
    this.#socket = socket
    const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
    this.#waiting = { resolve, reject }
    this.#text = ''
    socket.write(
      `POST ${this.#path} HTTP/1.1\r\nhost: ${this.#host}:${this.#port}\r\nauthorization: Bearer ${this.#token}\r\n` +
        `content-type: application/json\r\naccept: application/json, text/event-stream\r\n${headers}` +
        `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    return promise
  }

  /** Sends a message, and hears all that comes, until it leaves. */
  listen(request: { body?: string; headers: string }, hear: (text: string) => void): void {
    const socket = this.#connect()
    socket.removeAllListeners('data').on('data', (text: string) => hear(text))
    const { body = '', headers } = request
    socket.write(
      `${body === '' ? 'GET' : 'POST'} ${this.#path} HTTP/1.1\r\nhost: ${this.#host}:${this.#port}\r\nauthorization: Bearer ${this.#token}\r\n` +
        `content-type: application/json\r\naccept: application/json, text/event-stream\r\n${headers}` +
        `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    this.#socket = socket
  }

  /** Breaks the connection off; what was asked stays unanswered, and the next question opens another. */
  leave(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #connect(): Socket {
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true }).setEncoding('latin1')
    socket.on('data', (text: string) => this.#socket === socket && this.#hear(text))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      // One that we left ends when there is another already.
      if (this.#socket !== socket) return
      this.#socket = undefined
      this.#waiting?.reject(new Error('the connection ended'))
      this.#waiting = undefined
    })
    return socket
  }

  #hear(text: string): void {
    this.#text += text
    const end = this.#text.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#text.slice(0, end)
    const rest = this.#text.slice(end + 4)
    const length = /^content-length: (\d+)/im.exec(head)?.[1]
    if (length === undefined ? !rest.endsWith('0\r\n\r\n') : rest.length < Number(length)) return
    const status = Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length))
    const waiting = this.#waiting
    this.#waiting = undefined
    // What came beyond the answer is part of it here, so that it is judged.
    waiting?.resolve({ status, body: rest, stream: /^content-type: text\/event-stream/im.test(head) })
  }
}
