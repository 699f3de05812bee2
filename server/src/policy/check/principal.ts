import type { Check } from './check.ts'

export const principal: Check<'principal.unknown' | 'principal.disabled'> = {
  name: 'principal',
  reasons: ['principal.unknown', 'principal.disabled'],
  find({ principal }) {
    if (principal === undefined) {
      return {
        reason: 'principal.unknown',
        message: 'cannot call a tool: nobody known here answers for this token',
        requestable: false,
      }
    }
    if (principal.state !== 'active') {
      return {
        reason: 'principal.disabled',
        message: 'cannot call a tool: who answers for this token has been disabled',
        requestable: false,
      }
    }
    return undefined
  },
}
