import { jwks, jwksUri } from './fields.ts'

/** How a preregistered client proves who it is by signing. */
export const proofFields = {
  jwks: jwks.optional(),
  jwksUri: jwksUri.optional(),
}

interface Proof {
  redirectUris: string[]
  introspects: string[]
  secretEnv?: string | undefined
  jwks?: unknown
  jwksUri?: string | undefined
}

/** What does not fit together in a preregistered client, by the key that it is said of. */
export function proofProblems(client: Proof): { path: string; message: string }[] {
  const { redirectUris, introspects, secretEnv } = client
  const proofs = [secretEnv, client.jwks, client.jwksUri].filter((proof) => proof !== undefined).length
  const keyed = client.jwks !== undefined || client.jwksUri !== undefined
  const rules: [boolean, string, string][] = [
    [
      redirectUris.length === 0 && introspects.length === 0,
      'redirectUris',
      'must have at least one entry, unless the client only introspects',
    ],
    [
      introspects.length > 0 && proofs === 0,
      'introspects',
      'needs a `secretEnv`, `jwks` or `jwksUri`: who asks proves itself',
    ],
    [proofs > 1, keyed ? 'jwks' : 'secretEnv', 'must stand alone: a client has one way to prove itself'],
  ]
  return rules.filter(([wrong]) => wrong).map(([, path, message]) => ({ path, message }))
}
