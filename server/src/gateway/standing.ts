import { Fault } from '../base/fault.ts'
import type { PinnedCatalogue } from '../inventory/catalogue.ts'
import type { Caller } from '../oauth/access-token.ts'
import { decide } from '../policy/decide.ts'
import { standingReasons, type DenialReason, type Deny } from '../policy/decision.ts'
import type { FactSource, View } from './facts.ts'

// A name that no tool can have: what is decided is then everything but the tool.
const noTool = ''

/** The first finding about caller and upstream, leaving tools aside; undefined when they stand. */
export function findFall(facts: FactSource, view: View): Deny | undefined {
  const decision = decide(facts.gather(view, { tool: noTool }))
  return decision.allow || decision.reason === 'tool.unknown' ? undefined : decision
}

/**
 * Demands that the caller may be here at all: principal, client, grant and upstream in good standing.
 *
 * @returns the catalogue of the upstream.
 * @throws {Fault} 401 where only a new login could help, else 403.
 */
export async function requireStanding(facts: FactSource, caller: Caller): Promise<PinnedCatalogue> {
  const view = await facts.view(caller)
  const fall = findFall(facts, view)
  if (fall !== undefined) throw faultOf(fall)
  if (view.catalogue === undefined) throw new Fault('gateway.denied', 'there is no such server')
  return view.catalogue
}

const onlyLoginHelps: ReadonlySet<DenialReason> = new Set(standingReasons)

/** A denial as the door tells it: 401 where only a new login could help, 403 everywhere else. */
export function faultOf(decision: Deny): Fault {
  const { reason, hidden } = decision
  return new Fault(onlyLoginHelps.has(reason) ? 'gateway.grant_ended' : 'gateway.denied', decision.message, {
    data: { reason: hidden ? 'tool.unknown' : reason, requestable: !hidden && decision.requestable },
    detail: decision.findings.map((finding) => finding.reason).join(', '),
  })
}
