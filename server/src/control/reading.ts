import type { z } from '@hono/zod-openapi'
import type { Guard } from './guard.ts'
import type { ControlRooms, Viewer } from './rooms.ts'

/** One thing that the API tells: a `GET` below `/api/v1`. */
export interface Reading<Input = unknown> {
  /** Operation of the API, unique: `listGrants`. */
  name: string
  summary: string
  guard: Exclude<Guard, 'public' | 'owner' | 'holder'>
  /** Changing parts in braces. */
  path: string
  /** The changing parts of the path and the query, together; all of them texts. */
  input: z.ZodType<Input>
  answer: z.ZodType
  read(rooms: ControlRooms, viewer: Viewer, input: NoInfer<Input>): Promise<unknown>
}

/** Writes a reading; the type of its input is its own. */
export function reading<Input>(written: Reading<Input>): Reading {
  return written as unknown as Reading
}
