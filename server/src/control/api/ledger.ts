import { z } from '@hono/zod-openapi'
import { entryKinds } from '../../ledger/entry.ts'
import { listCheckpoints } from '../../store/checkpoints.ts'
import { listLeaves } from '../../store/entries.ts'
import { unknown } from '../known.ts'
import { reading } from '../reading.ts'
import { entryShape } from './shapes.ts'

const position = z.coerce.number().int().min(-1)
/** Leaves and checkpoints of one answer; the next ones are asked for with the position after the last. */
export const exportPageMax = 500

export const ledgerReadings = [
  reading({
    name: 'listEntries',
    summary: 'Entries of the ledger, newest first, or upwards from `after`',
    guard: 'administrator',
    path: '/ledger/entries',
    input: z.object({
      after: position.optional(),
      before: position.optional(),
      kind: z.enum(entryKinds).optional(),
      call: z.string().max(64).optional(),
      limit: z.coerce.number().int().min(1).max(200).default(50),
    }),
    answer: z.object({ entries: z.array(entryShape) }),
    read: async ({ ledger }, _viewer, { kind, call, ...query }) => ({
      entries: await ledger.listEntries({ ...query, kinds: kind && [kind], callId: call }),
    }),
  }),
  reading({
    name: 'getEntry',
    summary: 'One entry by its position',
    guard: 'administrator',
    path: '/ledger/entries/{seq}',
    input: z.object({ seq: z.coerce.number().int().min(0) }),
    answer: entryShape,
    read: async ({ ledger }, _viewer, { seq }) => (await ledger.getEntry(seq)) ?? unknown('entry'),
  }),
  reading({
    name: 'getCheckpoint',
    summary: 'The signed head of the ledger now, for you to keep: it shows later whether anything was rewritten',
    guard: 'signed-in',
    path: '/ledger/checkpoint',
    input: z.object({}),
    answer: z.object({ origin: z.string(), size: z.int(), note: z.string(), key: z.string() }),
    async read({ ledger }) {
      const { origin, size, note } = await ledger.checkpoint()
      return { origin, size, note, key: ledger.key }
    },
  }),
  reading({
    name: 'listCheckpoints',
    summary: 'Signed checkpoints in the order of their sizes, for an export',
    guard: 'administrator',
    path: '/ledger/checkpoints',
    input: z.object({ after: position.default(-1) }),
    answer: z.object({ checkpoints: z.array(z.object({ size: z.int(), note: z.string() })) }),
    read: async ({ store }, _viewer, { after }) => ({
      checkpoints: await listCheckpoints(store, after, exportPageMax),
    }),
  }),
  reading({
    name: 'listLeaves',
    summary: 'The exact bytes of entries in their order, for an export',
    guard: 'administrator',
    path: '/ledger/leaves',
    input: z.object({ from: z.coerce.number().int().min(0).default(0) }),
    answer: z.object({ leaves: z.array(z.string()) }),
    read: async ({ store }, _viewer, { from }) => ({ leaves: await listLeaves(store, from, exportPageMax) }),
  }),
]
