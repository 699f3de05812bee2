import { z } from '@hono/zod-openapi'
import type { Principal } from '../../model/principal.ts'
import { reading } from '../reading.ts'
import type { ControlRooms } from '../rooms.ts'

const machineShape = z
  .object({
    id: z.string().openapi({ description: 'of the principal: rights and grants are under it' }),
    name: z.string(),
    title: z.string(),
    ownerId: z.string().optional(),
    state: z.enum(['active', 'disabled']),
    clients: z
      .array(z.object({ id: z.string(), name: z.string(), proof: z.enum(['key', 'secret', 'workload']) }))
      .openapi({ description: 'by what the configuration lets it prove itself' }),
    createdAt: z.int(),
  })
  .openapi('Machine')

export const machineReadings = [
  reading({
    name: 'listMachines',
    summary: 'The machines, in the order in which they were made',
    guard: 'administrator',
    path: '/machines',
    input: z.object({}),
    answer: z.object({ machines: z.array(machineShape) }),
    async read(rooms) {
      return { machines: (await rooms.identity.listMachines()).map((one) => machineOut(rooms, one)) }
    },
  }),
]

function machineOut({ oauth }: ControlRooms, principal: Principal): z.infer<typeof machineShape> {
  const { subject, name, ...rest } = principal
  return machineShape.parse({ ...rest, name: subject, title: name, clients: oauth.clientsOfMachine(subject) })
}
