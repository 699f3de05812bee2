import type { Envelope } from './envelope.ts'

/** The names of our own input requests, so that their answers are not taken for ones that the upstream asked for. */
export const ownKeys = {
  approval: 'sallyport-approval',
  connection: 'sallyport-connection',
  grant: 'sallyport-grant',
  login: 'sallyport-login',
} as const

const all = new Set<string>(Object.values(ownKeys))

/** Whether an answer with this name is for us. */
export function isOwnKey(key: string): boolean {
  return all.has(key)
}

/**
 * Whether the client can be sent to a page by an elicitation. One that comes back from there, and what it was sent for is
 * not done, gets a plain answer, so that it does not go round in circles.
 */
export function maySendTo(envelope: Envelope, key: (typeof ownKeys)[keyof typeof ownKeys]): boolean {
  return elicitsUrls(envelope) && !answers(envelope, key)
}

function elicitsUrls(envelope: Envelope): boolean {
  if (envelope.era !== 'modern') return false
  const elicitation = envelope.clientCapabilities['elicitation']
  return typeof elicitation === 'object' && elicitation !== null && 'url' in elicitation
}

function answers(envelope: Envelope, key: string): boolean {
  const responses = envelope.params['inputResponses']
  return typeof responses === 'object' && responses !== null && key in responses
}
