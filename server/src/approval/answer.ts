import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type Approval, readReason } from '../model/rights.ts'
import { answerApproval, findApproval } from '../store/approvals.ts'
import type { Store } from '../store/store.ts'
import { approvalAt, approvedForMs, deniedForMs } from './lifetimes.ts'
import { showArguments } from './show.ts'

/** Somebody's answer to a request. */
export interface Answer {
  /** Principal id of who answers. */
  by: string
  /** The approval. */
  id: string
  approve: boolean
  /** Why, 3 to 500 characters. Recorded, and shown to the requester. */
  reason: string
}

/** What an answer is given with. */
export interface AnswerRooms {
  store: Store
  ledger: Pick<Ledger, 'recordChange'>
  clock: Clock
  /** Whether this principal may approve calls of this tool now. */
  mayApprove: (principalId: string, upstream: string, tool: string) => Promise<boolean>
  /** The exact arguments of an approval. */
  argumentsOf: (approval: Approval) => Promise<string>
}

/**
 * Approves or denies a pending request.
 *
 * When it resolves, the answer is recorded and stands; of several answers at once exactly one does. An approved call may
 * be made once within `approvedForMs`. Nothing is carried out by the answer itself.
 *
 * @throws {Fault} `approval.not_found` if there is no such request, or who answers may not approve this tool.
 * @throws {Fault} `approval.own_request` if who answers is who asked.
 * @throws {Fault} `approval.already_answered` if it is no longer pending: answered, cancelled or past its end.
 * @throws {Fault} `approval.too_large` if it cannot be shown in full; it can still be denied.
 * @throws {Fault} `model.invalid` if there is no reason.
 */
export async function answerRequest(rooms: AnswerRooms, answer: Answer): Promise<Approval> {
  const approval = await readAnswerable(rooms, answer)
  const reason = readReason(answer.reason)
  if (answer.approve) await refuseUnshown(rooms, approval)
  const answeredAt = rooms.clock.now()
  const state = answer.approve ? 'approved' : 'denied'
  const expiresAt = answeredAt + (answer.approve ? approvedForMs : deniedForMs)
  await rooms.ledger.recordChange(
    {
      by: answer.by,
      what: `approval.${state}`,
      about: { kind: 'approval', id: approval.id },
      reason,
      details: {
        principalId: approval.principalId,
        ...(approval.actor !== undefined && { actor: approval.actor }),
        upstream: approval.upstream,
        tool: approval.tool,
        toolDigest: approval.toolDigest,
        argumentsDigest: approval.argumentsDigest,
        expiresAt,
      },
    },
    async (tx) => {
      const written = { state, answeredBy: answer.by, answeredAt, expiresAt, reason } as const
      if (!(await answerApproval(tx, approval.id, written))) {
        throw alreadyAnswered(await findApproval(tx, approval.id), answeredAt)
      }
    },
  )
  return { ...approval, state, answeredBy: answer.by, answeredAt, expiresAt, reason }
}

async function readAnswerable(rooms: AnswerRooms, { by, id }: Answer): Promise<Approval> {
  const approval = await findApproval(rooms.store, id)
  if (approval === undefined) throw notFound()
  if (approval.principalId === by) {
    throw new Fault('approval.own_request', 'cannot answer your own request: somebody else decides')
  }
  // Who may not approve it learns nothing of it.
  if (!(await rooms.mayApprove(by, approval.upstream, approval.tool))) throw notFound()
  const now = rooms.clock.now()
  if (approvalAt(approval, now).state !== 'pending') throw alreadyAnswered(approval, now)
  return approval
}

async function refuseUnshown(rooms: AnswerRooms, approval: Approval): Promise<void> {
  const shown = showArguments(await rooms.argumentsOf(approval))
  if (!shown.complete) throw new Fault('approval.too_large', `cannot approve this call: ${shown.why}`)
}

function alreadyAnswered(approval: Approval | undefined, now: number): Fault {
  const state = approval === undefined ? 'gone' : approvalAt(approval, now).state
  return new Fault('approval.already_answered', `cannot answer this request: it is ${state} already`)
}

/** No such approval, or not for the eyes of who asks: the two are not told apart. */
export function notFound(): Fault {
  return new Fault('approval.not_found', 'there is no such request, or it is not yours to see')
}
