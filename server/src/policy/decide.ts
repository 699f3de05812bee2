import type { Check } from './check/check.ts'
import { checks } from './checks.ts'
import {
  denialReasons,
  type Decision,
  type DenialReason,
  type Deny,
  type Finding,
  type Obligation,
} from './decision.ts'
import type { Facts } from './facts.ts'
import { needsApproval } from './needs-approval.ts'

/**
 * Decides whether this caller may make this call now or, when the facts name no call, whether it may see the tool.
 *
 * The effective right is what all the givers leave: principal and client in good standing, upstream and tool accepted
 * and below the ceiling, entitlement, grant and, for a destructive call, an approval of exactly these bytes. Pure: the
 * same facts give the same decision, and nothing is looked at but the facts. A check that throws denies.
 *
 * @param facts One snapshot at one revision.
 * @returns An allow that names all that carried it, or a deny whose reason is the first finding.
 * @see spec/approval.md, "A fact, not a second path"
 */
export function decide(facts: Facts): Decision {
  const findings = listFindings(facts)
  if (findings.length > 0) return deny(facts, findings)
  const { entitlement, grant, call, tool } = facts
  if (entitlement === undefined || grant === undefined || tool === undefined) {
    return deny(facts, [failed('decide', 'nothing carries the call')])
  }
  return {
    allow: true,
    revision: facts.revision,
    entitlementId: entitlement.id,
    grantId: grant.id,
    approvalId: call !== undefined && needsApproval(tool.effect) ? facts.approval?.id : undefined,
    argumentsDigest: call?.argumentsDigest,
    obligations: none,
  }
}

const none: readonly Obligation[] = Object.freeze([])

function deny(facts: Facts, findings: readonly Finding[]): Deny {
  const first = findings[0] ?? failed('deny', 'no finding')
  const hidden = isAboutTool(first.reason) && findings.some(({ reason }) => hiding.has(reason))
  return {
    allow: false,
    revision: facts.revision,
    reason: first.reason,
    message: hidden ? notYours : first.message,
    requestable: findings.every((finding) => finding.requestable),
    hidden,
    approvalId: first.approvalId,
    findings,
  }
}

function listFindings(facts: Facts): Finding[] {
  const findings: Finding[] = []
  for (const check of checks) {
    const finding = findWith(check, facts)
    if (finding !== undefined) findings.push(finding)
  }
  return findings
}

function findWith(check: Check, facts: Facts): Finding | undefined {
  try {
    return check.find(facts)
  } catch (error) {
    return failed(check.name, String(error))
  }
}

function failed(name: string, why: string): Finding {
  return {
    reason: 'check.failed',
    message: 'cannot call this tool: the gateway could not decide',
    requestable: false,
    detail: `${name}: ${why}`,
  }
}

// A caller knows its own standing and the server that it came to. Of a tool it must learn nothing unless it is entitled.
const hiding: ReadonlySet<DenialReason> = new Set(['tool.unknown', 'entitlement.missing'])
const notYours = 'cannot call this tool: there is no such tool, or it is not yours to call'
const firstAboutTool = denialReasons.indexOf('tool.unknown')

function isAboutTool(reason: DenialReason): boolean {
  return denialReasons.indexOf(reason) >= firstAboutTool
}
