import { z } from '@hono/zod-openapi'
import { reading } from '../reading.ts'

const at = z.int().openapi({ description: 'epoch milliseconds' })

const signalShape = z
  .object({
    id: z.string(),
    transmitter: z.string(),
    event: z.string(),
    issuedAt: at,
    receivedAt: at,
    principalId: z.string().optional().openapi({ description: 'absent where it is about nobody who is known here' }),
    effect: z.string().openapi({ description: 'what it took, in words' }),
  })
  .openapi('Signal')

const transmitterShape = z
  .object({
    id: z.string(),
    issuer: z.string(),
    people: z.string().openapi({ description: 'the issuer of the people whom it may speak about' }),
    pushes: z.boolean(),
    polling: z.object({ answeredAt: at.optional(), problem: z.string().optional() }).optional(),
    signals: z.array(signalShape).openapi({ description: 'newest first' }),
  })
  .openapi('Transmitter')

export const signalReadings = [
  reading({
    name: 'listTransmitters',
    summary: 'The transmitters of security events that the configuration names, and what they said last',
    guard: 'administrator',
    path: '/signals',
    input: z.object({}),
    answer: z.object({ transmitters: z.array(transmitterShape) }),
    read: async ({ identity }) => ({ transmitters: await identity.signals.listTransmitters() }),
  }),
]
