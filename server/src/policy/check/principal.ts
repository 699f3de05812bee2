import type { Check } from './check.ts'

export const principal: Check<'principal.unknown' | 'principal.disabled' | 'principal.must_sign_in'> = {
  name: 'principal',
  reasons: ['principal.unknown', 'principal.disabled', 'principal.must_sign_in'],
  find({ principal }) {
    if (principal === undefined) {
      return {
        reason: 'principal.unknown',
        message: 'cannot call a tool: nobody known here answers for this token',
        requestable: false,
      }
    }
    if (principal.state === 'must_sign_in') {
      return {
        reason: 'principal.must_sign_in',
        message: 'cannot call a tool: who answers for this token must first sign in anew',
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
