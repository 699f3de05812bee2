import { Client, headOf } from './client.ts'

/** Lanes of clients; each lane calls in the name of one grant, and goes on to the next when it is told. */
export interface Lanes {
  url: string
  /** Headers of each grant. */
  headers: Record<string, string>[]
  /** The body; `"$n"` becomes the number of the grant, counted from `first`: so the upstream tells loads apart. */
  message: string
  first: number
  lanes: number
  clientsEach: number
}

// Clients that never take no for an answer: a refused call is made again.
let heads: string[] = []
let message = ''
let first = 0
const current: number[] = []
const counts = { served: 0, refused: 0 }

process.on('message', (question: Lanes | { lane: number; grant: number } | 'counts') => {
  if (question === 'counts') process.send!(counts)
  else if ('lane' in question) current[question.lane] = question.grant
  else start(question).then(() => process.send!('started'), fail)
})
process.once('disconnect', () => process.exit(0))
process.send!('ready')

async function start({ url, headers, lanes, clientsEach, ...rest }: Lanes): Promise<void> {
  const to = new URL(url)
  heads = headers.map((one) => headOf(to, one))
  message = rest.message
  first = rest.first
  for (let lane = 0; lane < lanes; lane++) {
    current[lane] = lane
    for (let i = 0; i < clientsEach; i++) void run(await Client.open(to), lane).catch(fail)
  }
}

async function run(client: Client, lane: number): Promise<never> {
  for (;;) {
    const grant = current[lane]!
    const answer = await client.exchange(heads[grant]!, message.replaceAll('"$n"', String(first + grant)))
    if (answer.startsWith('HTTP/1.1 200')) counts.served++
    else if (/^HTTP\/1.1 40[13]/.test(answer)) counts.refused++
    else throw new Error(`neither served nor refused: ${answer.slice(0, 500)}`)
  }
}

function fail(error: unknown): void {
  console.error(error)
  process.exit(1)
}
