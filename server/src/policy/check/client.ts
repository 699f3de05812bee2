import type { Check } from './check.ts'

export const client: Check<'client.unknown' | 'client.revoked' | 'client.not_admitted'> = {
  name: 'client',
  reasons: ['client.unknown', 'client.revoked', 'client.not_admitted'],
  find({ client }) {
    if (client === undefined) {
      return {
        reason: 'client.unknown',
        message: 'cannot call a tool: this client is not known here',
        requestable: false,
      }
    }
    if (client.state === 'revoked') {
      return { reason: 'client.revoked', message: 'cannot call a tool: this client was revoked', requestable: false }
    }
    if (client.state !== 'active') {
      return {
        reason: 'client.not_admitted',
        message: 'cannot call a tool: no administrator has admitted this client',
        requestable: false,
      }
    }
    return undefined
  },
}
