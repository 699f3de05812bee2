import type { Check } from './check.ts'

export const client: Check<'client.unknown' | 'client.revoked'> = {
  name: 'client',
  reasons: ['client.unknown', 'client.revoked'],
  find({ client }) {
    if (client === undefined) {
      return {
        reason: 'client.unknown',
        message: 'cannot call a tool: this client is not known here',
        requestable: false,
      }
    }
    if (client.state !== 'active') {
      return { reason: 'client.revoked', message: 'cannot call a tool: this client was revoked', requestable: false }
    }
    return undefined
  },
}
