import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { digestOf, makeId } from '../base/ids.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Approval } from '../model/rights.ts'
import {
  countApprovals,
  expireApproval,
  findNewestApproval,
  findPendingApproval,
  insertApproval,
  supersedeApprovals,
} from '../store/approvals.ts'
import type { Handle, Store } from '../store/store.ts'
import type { Vault } from '../vault/vault.ts'
import { approvalAt, pendingForMs, pendingMax, requestsMax, requestsWindowMs } from './lifetimes.ts'
import { shownBytesMax } from './show.ts'

/** One call that needs an approval: everything that the approval will be bound to. */
export interface ApprovalRequest extends Pick<
  Approval,
  'principalId' | 'clientId' | 'grantId' | 'upstream' | 'tool' | 'toolDigest' | 'argumentsDigest' | 'actor'
> {
  /** Canonical JSON of the arguments, the bytes that would be sent. */
  argumentsText: string
}

/** What a request is made with. */
export interface RequestRooms {
  store: Store
  ledger: Pick<Ledger, 'recordChange'>
  vault: Pick<Vault, 'seal'>
  clock: Clock
  /** Whether this principal may approve calls of this tool now. */
  mayApprove: (principalId: string, upstream: string, tool: string) => Promise<boolean>
}

/**
 * Asks for the approval of one call, or finds that it has been asked for.
 *
 * When it resolves, there is one pending approval of exactly this call, recorded as `approval.requested`; the same call
 * asked for again gets the same one. An answer that still stands is returned instead: a denial is not asked over. An
 * approval by somebody who may approve no longer does not stand, and is cancelled when the call is asked for anew.
 *
 * @throws {Fault} `approval.too_large` if the arguments cannot be shown in full: then nobody could approve them.
 * @throws {Fault} `approval.too_many` if the principal has `pendingMax` pending, or asked `requestsMax` times in an hour.
 * @throws {Fault} `approval.digest_mismatch` if text and digest do not belong together.
 * @see spec/approval.md, "What an approval is bound to"
 */
export async function requestApproval(rooms: RequestRooms, asked: ApprovalRequest): Promise<Approval> {
  refuseUnshowable(asked)
  const now = rooms.clock.now()
  const pendingKey = keyOf(asked)
  const known = await findKnown(rooms, { asked, pendingKey, now })
  if (known !== undefined) return known
  const made = { ...pick(asked), id: makeId(rooms.clock), requestedAt: now, expiresAt: now + pendingForMs }
  const argumentsSealed = rooms.vault.seal('approval', made.id, asked.argumentsText)
  try {
    await rooms.ledger.recordChange(
      {
        by: asked.principalId,
        what: 'approval.requested',
        about: { kind: 'approval', id: made.id },
        details: { ...pick(asked), expiresAt: made.expiresAt },
      },
      async (tx) => {
        await expireApproval(tx, pendingKey, now)
        await supersedeApprovals(tx, asked, now)
        if (!(await insertApproval(tx, { ...made, argumentsSealed, pendingKey }))) throw new AlreadyPending()
        await refuseFlood(tx, asked.principalId, now)
      },
    )
  } catch (error) {
    if (!(error instanceof AlreadyPending)) throw error
    const other = await findPendingApproval(rooms.store, pendingKey)
    if (other === undefined) throw answeredMeanwhile()
    return other
  }
  return {
    ...made,
    state: 'pending',
    answeredBy: undefined,
    answeredAt: undefined,
    reason: undefined,
    spentAt: undefined,
    callId: undefined,
  }
}

/** Rolls the change back when somebody asked for the same call at the same time. */
class AlreadyPending extends Error {}

function answeredMeanwhile(): Fault {
  return new Fault('approval.already_answered', 'this call was asked for and answered at the same time; make it again')
}

function refuseUnshowable({ argumentsText, argumentsDigest }: ApprovalRequest): void {
  if (digestOf(argumentsText) !== argumentsDigest) {
    throw new Fault('approval.digest_mismatch', 'cannot ask for an approval: the digest is not of these arguments')
  }
  const bytes = Buffer.byteLength(argumentsText)
  if (bytes > shownBytesMax) {
    throw new Fault(
      'approval.too_large',
      `cannot ask for the approval of ${bytes} bytes of arguments: more than ${shownBytesMax} cannot be shown in full to who decides`,
    )
  }
}

async function findKnown(
  { store, mayApprove }: RequestRooms,
  { asked, pendingKey, now }: { asked: ApprovalRequest; pendingKey: string; now: number },
): Promise<Approval | undefined> {
  const pending = await findPendingApproval(store, pendingKey)
  if (pending !== undefined && approvalAt(pending, now).state === 'pending') return pending
  const newest = await findNewestApproval(store, asked, now)
  if (newest === undefined || keyOf(newest) !== pendingKey || !(now < newest.expiresAt)) return undefined
  if (newest.state === 'denied') return newest
  if (newest.state !== 'approved' || newest.answeredBy === undefined) return undefined
  return (await mayApprove(newest.answeredBy, newest.upstream, newest.tool)) ? newest : undefined
}

// Counted after the insert: the newest request is one of them. The transaction rolls back when there are too many.
async function refuseFlood(tx: Handle, principalId: string, now: number): Promise<void> {
  const { pending, recent } = await countApprovals(tx, principalId, { now, since: now - requestsWindowMs })
  if (pending > pendingMax) {
    throw new Fault('approval.too_many', `cannot ask for another approval: ${pendingMax} of yours are pending`)
  }
  if (recent > requestsMax) {
    throw new Fault('approval.too_many', `cannot ask for another approval: ${requestsMax} were asked for in an hour`)
  }
}

type Bound = Omit<ApprovalRequest, 'argumentsText'>

function pick(asked: Bound): Bound {
  const { principalId, clientId, grantId, upstream, tool, toolDigest, argumentsDigest, actor } = asked
  const bound = { principalId, clientId, grantId, upstream, tool, toolDigest, argumentsDigest }
  return actor === undefined ? bound : { ...bound, actor }
}

// An array in a fixed order: no two calls write the same text.
function keyOf(asked: Bound): string {
  return digestOf(JSON.stringify(Object.values(pick(asked))))
}
