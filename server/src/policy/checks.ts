import { approval } from './check/approval.ts'
import type { Check } from './check/check.ts'
import { choice } from './check/choice.ts'
import { client } from './check/client.ts'
import { entitlement } from './check/entitlement.ts'
import { grant } from './check/grant.ts'
import { limits } from './check/limits.ts'
import { login } from './check/login.ts'
import { principal } from './check/principal.ts'
import { token } from './check/token.ts'
import { tool } from './check/tool.ts'
import { upstream } from './check/upstream.ts'
import type { DenialReason } from './decision.ts'

const all = [principal, client, grant, upstream, tool, entitlement, choice, token, limits, login, approval] as const

/**
 * Every check that a call must pass, in the order in which their findings are told. A new check is one file in `check/`
 * and one line here.
 */
export const checks: readonly Check[] = all

type Asked = (typeof all)[number]['reasons'][number]
type Complete<Unasked extends never> = Unasked
/** Does not compile when a reason of the closed set has no check that gives it. */
export type EveryReasonIsAsked = Complete<Exclude<DenialReason, Asked | 'check.failed'>>
