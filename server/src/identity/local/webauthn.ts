import { isIP } from 'node:net'
import { z } from 'zod'
import { Fault } from '../../base/fault.ts'
import { readJson } from '../../base/json.ts'
import { formBytesMax } from '../../base/limits.ts'
import type { Passkey } from '../../store/passkeys.ts'

/** Whom passkeys are made for: this origin and no other. Absent where browsers make none: at an address without a name. */
export interface RelyingParty {
  id: string
  origin: string
}

export function relyingPartyOf(origin: string): RelyingParty | undefined {
  const { hostname } = new URL(origin)
  return isIP(hostname.replace(/^\[|\]$/g, '')) === 0 ? { id: hostname, origin } : undefined
}

/** How long a person may take, in the browser and here. */
export const challengeSeconds = 5 * 60

/** ES256, EdDSA and RS256, as COSE numbers them: what authenticators have. */
const algorithms = [-7, -8, -257]

export function creationOptions(
  party: RelyingParty,
  given: { challenge: string; principalId: string; login: string; name: string; known: readonly Passkey[] },
): Record<string, unknown> {
  return {
    challenge: given.challenge,
    rp: { id: party.id, name: 'Sallyport' },
    user: { id: Buffer.from(given.principalId).toString('base64url'), name: given.login, displayName: given.name },
    pubKeyCredParams: algorithms.map((alg) => ({ type: 'public-key', alg })),
    excludeCredentials: given.known.map(({ id }) => ({ type: 'public-key', id })),
    authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
    attestation: 'none',
    timeout: challengeSeconds * 1_000,
  }
}

export function requestOptions(party: RelyingParty, challenge: string): Record<string, unknown> {
  return { challenge, rpId: party.id, userVerification: 'required', timeout: challengeSeconds * 1_000 }
}

const bytes = z
  .string()
  .max(formBytesMax)
  .regex(/^[A-Za-z0-9_-]+$/)
const idText = bytes.max(1_364)
const made = z.object({
  id: idText,
  type: z.literal('public-key'),
  response: z.object({ clientDataJSON: bytes, attestationObject: bytes }),
})
const used = z.object({
  id: idText,
  type: z.literal('public-key'),
  response: z.object({
    clientDataJSON: bytes,
    authenticatorData: bytes,
    signature: bytes,
    // Always there with a passkey that is found without being named.
    userHandle: bytes,
  }),
})
const clientData = z.object({ challenge: bytes.max(100), crossOrigin: z.literal(false).optional() })

/** What a browser sends after a passkey was made, or used; nothing of it is believed yet. */
export type Made = z.infer<typeof made> & { challenge: string }
export type Used = z.infer<typeof used> & { challenge: string }

/** Throws `identity.passkey_refused`. */
export const readMade = (text: string): Made => readAnswer(made, text)
export const readUsed = (text: string): Used => readAnswer(used, text)

function readAnswer<T extends { response: { clientDataJSON: string } }>(
  schema: z.ZodType<T>,
  text: string,
): T & { challenge: string } {
  try {
    const answer = schema.parse(readJson(Buffer.from(text), { bytesMax: formBytesMax }))
    const said: unknown = JSON.parse(Buffer.from(answer.response.clientDataJSON, 'base64url').toString())
    return { ...answer, challenge: clientData.parse(said).challenge }
  } catch (cause) {
    throw passkeyRefused('what the browser sent cannot be read', { cause })
  }
}

/**
 * Verifies a passkey that was made: challenge, origin, party, presence and verification of the person, algorithm.
 *
 * @see https://www.w3.org/TR/webauthn-3/#sctn-registering-a-new-credential
 */
export async function verifyMade(
  party: RelyingParty,
  answer: Made,
): Promise<Pick<Passkey, 'id' | 'publicKey' | 'counter' | 'synced'>> {
  const { verifyRegistrationResponse } = await import('@simplewebauthn/server')
  await requireUnattested(answer)
  const verified = await verifyRegistrationResponse({
    response: { ...answer, rawId: answer.id, clientExtensionResults: {} },
    expectedChallenge: answer.challenge,
    expectedOrigin: party.origin,
    expectedRPID: party.id,
    requireUserVerification: true,
    supportedAlgorithmIDs: algorithms,
  }).catch((cause: unknown) => {
    throw passkeyRefused('it does not fit what was asked for', { cause })
  })
  if (!verified.verified) throw passkeyRefused('its signature is wrong')
  const { credential, credentialDeviceType } = verified.registrationInfo
  if (credential.id !== answer.id) throw passkeyRefused('it names two ids')
  return {
    id: credential.id,
    publicKey: Buffer.from(credential.publicKey).toString('base64url'),
    counter: credential.counter,
    synced: credentialDeviceType === 'multiDevice',
  }
}

// We ask for no attestation. What came with certificates all the same is not looked at: to judge them, lists of revoked
// ones would be fetched from where they say.
async function requireUnattested({ response }: Made): Promise<void> {
  const { decodeAttestationObject } = await import('@simplewebauthn/server/helpers')
  let fits: boolean
  try {
    const decoded = decodeAttestationObject(new Uint8Array(Buffer.from(response.attestationObject, 'base64url')))
    const format = decoded.get('fmt')
    fits = format === 'none' || (format === 'packed' && decoded.get('attStmt').get('x5c') === undefined)
  } catch (cause) {
    throw passkeyRefused('what the browser sent cannot be read', { cause })
  }
  if (!fits) throw passkeyRefused('its maker is vouched for, which was not asked for')
}

/**
 * Verifies a use of a passkey: challenge, origin, party, presence and verification of the person, signature, counter.
 *
 * @returns the new counter.
 * @see https://www.w3.org/TR/webauthn-3/#sctn-verifying-assertion
 */
export async function verifyUsed(party: RelyingParty, answer: Used, passkey: Passkey): Promise<number> {
  if (Buffer.from(answer.response.userHandle, 'base64url').toString() !== passkey.principalId) {
    throw passkeyRefused('it is of somebody else')
  }
  const { verifyAuthenticationResponse } = await import('@simplewebauthn/server')
  const verified = await verifyAuthenticationResponse({
    response: { ...answer, rawId: answer.id, clientExtensionResults: {} },
    expectedChallenge: answer.challenge,
    expectedOrigin: party.origin,
    expectedRPID: party.id,
    requireUserVerification: true,
    credential: {
      id: passkey.id,
      publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')),
      counter: passkey.counter,
    },
  }).catch((cause: unknown) => {
    throw passkeyRefused('it does not fit what was asked for', { cause })
  })
  if (!verified.verified) throw passkeyRefused('its signature is wrong')
  return verified.authenticationInfo.newCounter
}

/** What is said is the same for all; why is for the log. */
export function passkeyRefused(detail: string, more: { cause?: unknown } = {}): Fault {
  const { cause } = more
  const why = cause instanceof Error ? `${detail}: ${cause.message}` : detail
  return new Fault('identity.passkey_refused', 'cannot accept this passkey: begin again, and use one of this gateway', {
    detail: why.slice(0, 500),
    cause,
  })
}
