import type { Finding } from '../decision.ts'
import type { ApprovalFact, Facts } from '../facts.ts'
import { needsApproval } from '../needs-approval.ts'
import type { Check } from './check.ts'

type Reason = 'approval.required' | 'approval.pending' | 'approval.denied'

export const approval: Check<Reason> = {
  name: 'approval',
  reasons: ['approval.required', 'approval.pending', 'approval.denied'],
  find(facts) {
    const { tool, call, approval } = facts
    if (tool === undefined || !needsApproval(tool.effect) || call === undefined) return undefined
    if (approval === undefined || !isOfThisCall(approval, facts) || !(facts.now < approval.expiresAt)) {
      return required(tool.name)
    }
    return stateFinding(approval)
  },
}

function stateFinding(approval: ApprovalFact): Finding<Reason> | undefined {
  switch (approval.state) {
    case 'approved':
      return isBySomebodyElse(approval) && approval.approverMay ? undefined : required(approval.tool)
    case 'pending':
      return {
        reason: 'approval.pending',
        message: `cannot call \`${approval.tool}\` yet: the approval of this call is pending`,
        requestable: true,
        approvalId: approval.id,
      }
    case 'denied':
      return {
        reason: 'approval.denied',
        message: `cannot call \`${approval.tool}\`: the approval of this call was denied`,
        requestable: false,
        approvalId: approval.id,
      }
    case 'spent':
    case 'expired':
    case 'cancelled':
      return required(approval.tool)
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
    approval.argumentsDigest === call?.argumentsDigest &&
    approval.actor === call.actor
  )
}

function isBySomebodyElse({ answeredBy, principalId }: ApprovalFact): boolean {
  return answeredBy !== undefined && answeredBy !== principalId
}

function required(tool: string): Finding<Reason> {
  return {
    reason: 'approval.required',
    message: `cannot call \`${tool}\`: each call of it needs the approval of somebody else`,
    requestable: true,
  }
}
