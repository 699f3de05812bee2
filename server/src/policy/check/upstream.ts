import type { Check } from './check.ts'

export const upstream: Check<'upstream.unknown' | 'upstream.not_approved'> = {
  name: 'upstream',
  reasons: ['upstream.unknown', 'upstream.not_approved'],
  find({ upstream }) {
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
    return undefined
  },
}
