import type { Effect } from '../../model/effect.ts'
import type { Finding } from '../decision.ts'
import type { ApprovalFact, Facts } from '../facts.ts'
import type { Check } from './check.ts'

type Reason = 'approval.required' | 'approval.pending' | 'approval.denied'

export const approval: Check<Reason> = {
  name: 'approval',
  reasons: ['approval.required', 'approval.pending', 'approval.denied'],
  find(facts) {
    const { tool, call, approval } = facts
    if (tool === undefined || !needsApproval(tool.effect) || call === undefined) return undefined
    if (approval === undefined || !isOfThisCall(approval, facts) || !(facts.now < approval.expiresAt)) return required
    return stateFinding(approval)
  },
}

/** Whether calls of a tool with this effect need somebody else's approval, each one. */
export function needsApproval(effect: Effect): boolean {
  switch (effect) {
    case 'read':
    case 'write':
      return false
    case 'destructive':
      return true
    default:
      throw new TypeError(`unknown effect: ${String(effect satisfies never)}`)
  }
}

function stateFinding(approval: ApprovalFact): Finding<Reason> | undefined {
  switch (approval.state) {
    case 'approved':
      return isBySomebodyElse(approval) && approval.approverMay ? undefined : required
    case 'pending':
      return {
        reason: 'approval.pending',
        message: 'cannot call this tool yet: its approval is pending',
        requestable: true,
        approvalId: approval.id,
      }
    case 'denied':
      return {
        reason: 'approval.denied',
        message: 'cannot call this tool: the approval of this call was denied',
        requestable: false,
        approvalId: approval.id,
      }
    case 'spent':
    case 'expired':
    case 'cancelled':
      return required
    default:
      throw new TypeError(`unknown state of an approval: ${String(approval.state satisfies never)}`)
  }
}

function isOfThisCall(approval: ApprovalFact, { principal, client, grant, upstream, tool, call }: Facts): boolean {
  return (
    approval.principalId === principal?.id &&
    approval.clientId === client?.id &&
    approval.grantId === grant?.id &&
    approval.upstream === upstream?.name &&
    approval.tool === tool?.name &&
    approval.toolDigest === tool.digest &&
    approval.argumentsDigest === call?.argumentsDigest
  )
}

function isBySomebodyElse({ answeredBy, principalId }: ApprovalFact): boolean {
  return answeredBy !== undefined && answeredBy !== principalId
}

const required: Finding<Reason> = {
  reason: 'approval.required',
  message: 'cannot call this tool: each call of it needs the approval of somebody else',
  requestable: true,
}
