import type { Facts } from '../facts.ts'
import type { Check } from './check.ts'

export const entitlement: Check<'entitlement.missing'> = {
  name: 'entitlement',
  reasons: ['entitlement.missing'],
  find(facts) {
    if (isHeld(facts)) return undefined
    return {
      reason: 'entitlement.missing',
      message: 'cannot call this tool: there is no such tool, or it is not yours to call',
      requestable: false,
    }
  },
}

function isHeld({ entitlement, principal, upstream, tool, now }: Facts): boolean {
  return (
    entitlement !== undefined &&
    entitlement.right === 'use' &&
    entitlement.principalId === principal?.id &&
    entitlement.upstream === upstream?.name &&
    entitlement.tool === tool?.name &&
    entitlement.revokedAt === undefined &&
    (entitlement.endsAt === undefined || now < entitlement.endsAt)
  )
}
