import type { Check } from './check.ts'

export const upstream: Check<'upstream.unknown' | 'upstream.not_approved' | 'upstream.wants_proof'> = {
  name: 'upstream',
  reasons: ['upstream.unknown', 'upstream.not_approved', 'upstream.wants_proof'],
  find({ upstream, proven }) {
    if (upstream === undefined) {
      return { reason: 'upstream.unknown', message: 'cannot call a tool: there is no such server', requestable: false }
    }
    if (upstream.state !== 'approved') {
      return {
        reason: 'upstream.not_approved',
        message: `cannot call a tool: \`${upstream.name}\` does not serve at present`,
        requestable: false,
      }
    }
    // Written so that a setting which nobody knows denies.
    if (upstream.proof !== 'optional' && !proven) {
      return {
        reason: 'upstream.wants_proof',
        message: `cannot call a tool: \`${upstream.name}\` takes only tokens that are bound to a key (DPoP)`,
        requestable: false,
      }
    }
    return undefined
  },
}
