import { connect, type Socket } from 'node:net'

/** Streams to open: so many for each set of headers. */
export interface Idle {
  url: string
  headers: Record<string, string>[]
  each: number
  /** Each is cut off as soon as it is open. */
  cut?: boolean
}

// Clients that listen and do nothing else: each a raw socket on which the GET stream is open. They keep nothing of what
// they hear but its bytes.
const atOnce = 64
const sockets: Socket[] = []
let heardBytes = 0
let ended = 0

process.on('message', (question: Idle | 'heard') => {
  if (question === 'heard') process.send!({ heardBytes, ended, open: sockets.length })
  else void openAll(question).then(() => process.send!({ open: sockets.length }))
})
process.once('disconnect', () => process.exit(0))
process.send!('ready')

async function openAll({ url, headers, each, cut }: Idle): Promise<void> {
  const to = new URL(url)
  const waiting = headers.flatMap((one) => Array.from({ length: each }, () => headOf(to, one)))
  const open = async (): Promise<void> => {
    for (let head = waiting.pop(); head !== undefined; head = waiting.pop()) {
      const socket = await openOne(to, head)
      if (cut === true) socket.destroy()
      else sockets.push(socket)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, open))
}

function headOf(to: URL, headers: Record<string, string>): string {
  const lines = Object.entries({ host: to.host, accept: 'text/event-stream', ...headers })
  return `GET ${to.pathname} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

async function openOne(to: URL, head: string): Promise<Socket> {
  const socket = connect({ host: to.hostname, port: Number(to.port), noDelay: true })
  socket.write(head)
  const first = await new Promise<Buffer>((resolve, reject) => {
    socket.once('data', resolve).once('error', reject)
  })
  if (!first.toString().startsWith('HTTP/1.1 200')) throw new Error(`not opened: ${first.toString().slice(0, 300)}`)
  socket.on('data', (bytes: Buffer) => {
    heardBytes += bytes.length
    // The last chunk: the stream is over, though the connection may stay.
    if (bytes.subarray(-5).toString() === '0\r\n\r\n') ended++
  })
  return socket
}
