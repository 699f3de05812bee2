import { z } from 'zod'
import { Fault } from '../../base/fault.ts'
import { readPassword } from '../password.ts'

const newcomerSchema = z.object({
  name: z
    .string()
    .trim()
    .min(1, 'give your name')
    .max(100, 'the name has more than 100 characters')
    .regex(/^\P{C}+$/u, 'the name holds characters that cannot be shown'),
  // Plain letters only: no two logins look alike.
  login: z
    .string()
    .trim()
    .toLowerCase()
    .regex(
      /^[a-z0-9][a-z0-9._@+-]{0,62}[a-z0-9]$/,
      'the login must have 2 to 64 of a–z, 0–9 and . _ @ + -, and begin and end with a letter or digit',
    ),
})

/** Reads the form of one who chooses a login and a password. Throws `identity.input_invalid` or `identity.password_refused`. */
export function readNewcomer(body: URLSearchParams): { name: string; login: string; password: string } {
  const read = newcomerSchema.safeParse({ name: body.get('name') ?? '', login: body.get('login') ?? '' })
  if (!read.success) throw new Fault('identity.input_invalid', `cannot join yet: ${read.error.issues[0]!.message}`)
  return { ...read.data, password: readPassword(body.get('password') ?? '', read.data) }
}
