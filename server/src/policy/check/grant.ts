import type { Check } from './check.ts'

// A grant of somebody else, or of another client, is no grant at all for this caller: it is not told apart from none.
export const grant: Check<'grant.unknown' | 'grant.revoked' | 'grant.ended' | 'grant.other_upstream'> = {
  name: 'grant',
  reasons: ['grant.unknown', 'grant.revoked', 'grant.ended', 'grant.other_upstream'],
  find({ grant, principal, client, upstream, now }) {
    if (grant === undefined || grant.principalId !== principal?.id || grant.clientId !== client?.id) {
      return {
        reason: 'grant.unknown',
        message: 'cannot call a tool: this client holds no grant; connect it again',
        requestable: false,
      }
    }
    if (grant.revokedAt !== undefined) {
      return {
        reason: 'grant.revoked',
        message: 'cannot call a tool: the grant of this client was revoked; connect it again',
        requestable: false,
      }
    }
    if (!(now < grant.endsAt)) {
      return {
        reason: 'grant.ended',
        message: 'cannot call a tool: the grant of this client has ended; connect it again',
        requestable: false,
      }
    }
    // That there is no upstream at all is for the next check to say.
    if (upstream !== undefined && grant.upstream !== upstream.name) {
      return {
        reason: 'grant.other_upstream',
        message: 'cannot call a tool: the grant of this client is for another server',
        requestable: false,
      }
    }
    return undefined
  },
}
