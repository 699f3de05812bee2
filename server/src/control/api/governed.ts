import { z } from '@hono/zod-openapi'
import { getSeen, getSeenBundle, listSeen, listSeenBundles, unknown } from '../known.ts'
import { reading } from '../reading.ts'
import { bundleOut, bundleShape, toolOut, toolShape, upstreamOut, upstreamShape } from './shapes.ts'

const difference = z.object({ field: z.string(), what: z.string() })

export const governedReadings = [
  reading({
    name: 'listUpstreams',
    summary: 'The upstreams that you may see',
    guard: 'signed-in',
    path: '/upstreams',
    input: z.object({}),
    answer: z.object({ upstreams: z.array(upstreamShape) }),
    read: async (rooms, viewer) => ({
      upstreams: (await listSeen(rooms, viewer)).map((one) =>
        upstreamOut(one, { origin: rooms.config.origin, viewer }),
      ),
    }),
  }),
  reading({
    name: 'getUpstream',
    summary: 'One upstream',
    guard: 'signed-in',
    path: '/upstreams/{name}',
    input: z.object({ name: z.string() }),
    answer: upstreamShape,
    read: async (rooms, viewer, { name }) =>
      upstreamOut(await getSeen(rooms, viewer, name), { origin: rooms.config.origin, viewer }),
  }),
  reading({
    name: 'listBundles',
    summary: 'The bundles that you may see, each with those of its members that you may see',
    guard: 'signed-in',
    path: '/bundles',
    input: z.object({}),
    answer: z.object({ bundles: z.array(bundleShape) }),
    read: async (rooms, viewer) => ({
      bundles: (await listSeenBundles(rooms, viewer)).map((one) => bundleOut(one, rooms.config.origin)),
    }),
  }),
  reading({
    name: 'getBundle',
    summary: 'One bundle',
    guard: 'signed-in',
    path: '/bundles/{name}',
    input: z.object({ name: z.string() }),
    answer: bundleShape,
    read: async (rooms, viewer, { name }) => bundleOut(await getSeenBundle(rooms, viewer, name), rooms.config.origin),
  }),
  reading({
    name: 'listTools',
    summary: 'All tools of an upstream, withheld ones too',
    guard: 'signed-in',
    path: '/upstreams/{name}/tools',
    input: z.object({ name: z.string() }),
    answer: z.object({ tools: z.array(toolShape) }),
    async read(rooms, viewer, { name }) {
      await getSeen(rooms, viewer, name)
      return { tools: (await rooms.inventory.listTools(name)).map(toolOut) }
    },
  }),
  reading({
    name: 'getTool',
    summary: 'One tool, with what changed since it was accepted and what looks made to deceive',
    guard: 'signed-in',
    path: '/upstreams/{name}/tool',
    input: z.object({ name: z.string(), tool: z.string() }),
    answer: z.object({ tool: toolShape, drift: z.array(difference), suspicions: z.array(z.string()) }),
    async read(rooms, viewer, { name, tool }) {
      await getSeen(rooms, viewer, name)
      const detail = (await rooms.inventory.findToolDetail(name, tool)) ?? unknown('tool')
      return { tool: toolOut(detail.tool), drift: detail.drift, suspicions: detail.suspicions }
    },
  }),
]
