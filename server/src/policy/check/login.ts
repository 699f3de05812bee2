import { findLack } from '../../model/login.ts'
import type { Check } from './check.ts'

/** An entitlement may demand that its holder proved to be himself lately, or strongly; the grant knows how he did. */
export const login: Check<'login.too_weak' | 'login.too_old'> = {
  name: 'login',
  reasons: ['login.too_weak', 'login.too_old'],
  find({ call, entitlement, grant, tool, now }) {
    const demand = entitlement?.login
    if (call === undefined || demand === undefined) return undefined
    const lack = findLack(grant?.login, demand, call.at ?? now)
    if (lack === undefined) return undefined
    const wanted = lack === 'age' ? 'fresher' : 'stronger'
    return {
      reason: lack === 'age' ? 'login.too_old' : 'login.too_weak',
      message: `cannot call \`${tool?.name ?? ''}\`: it needs a ${wanted} login of the person behind this client`,
      requestable: false,
    }
  },
}
