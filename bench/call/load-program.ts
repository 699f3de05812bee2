import { connect, type Socket } from 'node:net'
import type { Load, Loaded } from './load.ts'

// A closed loop of clients on raw sockets: each sends its next message when it has the answer to the last. It does as
// little as it can, because it shares the machine with what is measured.
process.on('message', (load: Load) => {
  void run(load).then((loaded) => process.send!(loaded))
})
process.once('disconnect', () => process.exit(0))
process.send!('ready')

async function run({ url, headers, message, clients, milliseconds }: Load): Promise<Loaded> {
  const to = new URL(url)
  const latencies: number[] = []
  const state = { until: performance.now() + milliseconds, latencies, failures: 0 }
  const heads = headers.map((one) => headOf(to, one))
  const startedAt = performance.now()
  const all = Array.from({ length: clients }, async (_, i) => {
    const client = new Client(await dial(to))
    const head = heads[i % heads.length]!
    while (performance.now() < state.until) {
      const sentAt = performance.now()
      const answer = await client.exchange(head, message.replaceAll('"$n"', String(++count)))
      state.latencies.push(performance.now() - sentAt)
      if (!answer.includes('"result":') || answer.includes('"isError":true')) {
        if (state.failures++ === 0) console.error(`not answered with a result: ${answer.slice(0, 500)}`)
      }
    }
    client.close()
  })
  await Promise.all(all)
  const { failures } = state
  return { calls: latencies.length, failures, seconds: (performance.now() - startedAt) / 1_000, latencies }
}

let count = 0

function headOf(to: URL, headers: Record<string, string>): string {
  const lines = Object.entries({ host: to.host, 'content-type': 'application/json', ...headers })
  return `POST ${to.pathname} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}content-length: `
}

async function dial(to: URL): Promise<Socket> {
  const socket = connect({ host: to.hostname, port: Number(to.port), noDelay: true })
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return socket
}

/** One connection that speaks as much HTTP as the answers here have. */
class Client {
  readonly #socket: Socket
  #got = ''
  #waiting = Promise.withResolvers<string>()

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => this.#read(chunk))
    socket.on('error', (error) => this.#waiting.reject(error))
    socket.on('close', () => this.#waiting.reject(new Error('the connection was closed')))
  }

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
    if (length === undefined) return this.#waiting.reject(new Error(`an answer without a length: ${this.#got}`))
    if (this.#got.length < end + 4 + Number(length)) return
    const answer = this.#got
    this.#got = ''
    this.#waiting.resolve(answer)
  }

  close(): void {
    this.#waiting.promise.catch(() => undefined)
    this.#socket.destroy()
  }
}
