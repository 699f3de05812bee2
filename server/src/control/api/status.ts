import { z } from '@hono/zod-openapi'
import { reading } from '../reading.ts'
import { lookForWork } from '../work.ts'
import { principalOut, principalShape } from './shapes.ts'

const names = z.array(z.object({ upstream: z.string(), tool: z.string() }))

export const statusReadings = [
  reading({
    name: 'getStatus',
    summary: 'Who you are, what waits for you, how long the ledger is',
    guard: 'signed-in',
    path: '/status',
    input: z.object({}),
    answer: z.object({
      you: principalShape,
      administrator: z.boolean(),
      origin: z.string(),
      ready: z.boolean(),
      approvalsToDecide: z.int(),
      clientsWaiting: z.array(z.string()),
      upstreamsInReview: z.array(z.string()),
      upstreamsFailing: z.array(z.string()),
      toolsDrifted: names,
      toolsNew: names,
      ledger: z.object({ origin: z.string(), size: z.int(), key: z.string() }),
    }),
    async read(rooms, viewer) {
      const work = await lookForWork(rooms, viewer)
      const named = (tools: typeof work.drifted) => tools.map((tool) => ({ upstream: tool.upstream, tool: tool.name }))
      return {
        you: principalOut(viewer.principal),
        administrator: viewer.administrator,
        origin: rooms.config.origin,
        ready: rooms.feed.isFresh(),
        approvalsToDecide: work.approvals.length,
        clientsWaiting: work.waitingClients.map(({ id }) => id),
        upstreamsInReview: work.inReview.map(({ name }) => name),
        upstreamsFailing: work.failing.map(({ name }) => name),
        toolsDrifted: named(work.drifted),
        toolsNew: named(work.fresh),
        ledger: { origin: rooms.ledger.origin, size: await rooms.ledger.size(), key: rooms.ledger.key },
      }
    },
  }),
]
