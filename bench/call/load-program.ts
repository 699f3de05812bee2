import { Client, headOf } from './client.ts'
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
    const client = await Client.open(to)
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
