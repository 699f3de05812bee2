import { findBeyond } from '../../model/limits.ts'
import type { Check } from './check.ts'

/** Where the grant was given for certain arguments, it covers no others. */
export const limits: Check<'grant.argument_beyond'> = {
  name: 'limits',
  reasons: ['grant.argument_beyond'],
  find({ grant, call }) {
    if (grant?.limits === undefined || call === undefined) return undefined
    const beyond = findBeyond(grant.limits, call.arguments)
    if (beyond === undefined) return undefined
    return {
      reason: 'grant.argument_beyond',
      message: `cannot call this tool so: this client was given it for other values of \`${beyond}\``,
      requestable: false,
    }
  },
}
