import { z } from '@hono/zod-openapi'
import { Fault } from '../base/fault.ts'
import type { Html } from '../base/page.ts'
import type { Concern, Guard } from './guard.ts'
import type { PageRoute } from './page.ts'
import type { Flash } from './page/flash.ts'
import type { ControlRooms, Viewer } from './rooms.ts'

/** Where a person is led after an action: to a page, with one line of a closed list; or to a page that is shown once. */
export type After = { to: string; flash: Flash } | { title: string; once: Html }

/**
 * One thing that operators do, with two faces: a form of a page, and a call of the API. Both lead through the same guard,
 * the same reading of the input and the same `run`.
 */
export interface Action<Input = unknown, Result = unknown> {
  /** Operation of the API, unique: `revokeGrant`. */
  name: string
  summary: string
  guard: Exclude<Guard, 'public'>
  /** `POST` here is the form; below `/api/v1` it is the call. Changing parts in braces. */
  path: string
  /** `page`: there is no call of the API. */
  faces?: 'both' | 'page'
  /** It needs a sign-in of the last minutes, in a browser: `faces` is `page` then. */
  fresh?: true
  /** The changing parts of the path and the members of the body, together. */
  input: z.ZodType<Input>
  /** The fields of a form as members of the body, where they are not the same. */
  fromForm?: (form: URLSearchParams) => Record<string, unknown>
  /** Largest body that it takes from administrators, where that is a document; its form is one that uploads. */
  bodyBytesMax?: number
  /** The page on which its form stands, where it is shown again with what was filled in, and what was wrong. */
  again?: PageRoute
  /** What the guard must know. */
  concern?: (input: NoInfer<Input>) => Concern
  /** What the API answers. Without it, `{}`. */
  answer?: z.ZodType
  run(rooms: ControlRooms, viewer: Viewer, input: NoInfer<Input>): Promise<Result>
  after(input: NoInfer<Input>, result: NoInfer<Result>): After
}

/** Writes an action; the types of its input and result are its own. */
export function action<Input, Result>(written: Action<Input, Result>): Action {
  return written as unknown as Action
}

/** Why something is done: 3 to 500 characters, recorded. */
export const reason = z.string().trim().min(3, 'say why, in 3 characters or more').max(500)

/**
 * Reads what an action, or a reading, was given.
 *
 * @throws {Fault} `control.bad_input` naming the first member that is wrong, never its value.
 */
export function readInput<Input>(schema: z.ZodType<Input>, given: Record<string, unknown>): Input {
  const read = schema.safeParse(given)
  if (read.success) return read.data
  const issue = read.error.issues[0]!
  const where = issue.path.join('.')
  throw new Fault('control.bad_input', `cannot do this: ${where ? `\`${where}\`: ` : ''}${lower(issue.message)}`)
}

/** The fields of a form: those that stand once; empty ones are absent, because a browser sends what was left empty. */
export function fieldsOf(form: URLSearchParams): Record<string, string> {
  return Object.fromEntries([...form].filter(([name, value]) => value !== '' && name !== 'csrf'))
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
