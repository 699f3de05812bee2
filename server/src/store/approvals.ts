import type { Selectable } from 'kysely'
import type { Approval, ApprovalState } from '../model/rights.ts'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** What makes a new approval, with the arguments as the vault sealed them. */
export interface NewApproval extends Pick<
  Approval,
  | 'id'
  | 'principalId'
  | 'clientId'
  | 'grantId'
  | 'upstream'
  | 'tool'
  | 'toolDigest'
  | 'argumentsDigest'
  | 'requestedAt'
  | 'expiresAt'
  | 'actor'
> {
  argumentsSealed: string
  /** Digest of the bound call: of two pending approvals with the same key there is only one. */
  pendingKey: string
}

/** What an answer writes. */
export interface ApprovalAnswer {
  state: Extract<ApprovalState, 'approved' | 'denied'>
  answeredBy: string
  answeredAt: number
  /** Until when the answer stands. */
  expiresAt: number
  reason: string
}

/** What to cancel: all approvals that match every member. */
export interface ApprovalScope extends Partial<
  Pick<Approval, 'grantId' | 'principalId' | 'clientId' | 'upstream' | 'tool'>
> {
  /** Asked for by one of these, at most 10,000. */
  principalIds?: readonly string[]
  /** Asked for by somebody who is directly in one of these groups; where a source is named, by that source. */
  membersOf?: { groupIds: readonly string[]; source?: string | undefined }
}

/** Which approvals to list, newest first. */
export interface ApprovalQuery {
  principalId?: string
  /** Whose approvals to leave out. */
  notPrincipalId?: string
  /** Pending and not past their end at `now`. */
  pendingAt?: number
  limit: number
}

/**
 * Makes a pending approval.
 *
 * @returns false if one with the same key is pending already; nothing was written then.
 */
export async function insertApproval(tx: Handle, made: NewApproval): Promise<boolean> {
  const row = await open(tx)
    .insertInto('approvals')
    .values({
      id: made.id,
      principal_id: made.principalId,
      client_id: made.clientId,
      grant_id: made.grantId,
      upstream: made.upstream,
      tool: made.tool,
      tool_digest: made.toolDigest,
      arguments_digest: made.argumentsDigest,
      arguments_sealed: made.argumentsSealed,
      state: 'pending',
      requested_at: made.requestedAt,
      expires_at: made.expiresAt,
      answered_by: null,
      answered_at: null,
      reason: null,
      spent_at: null,
      call_id: null,
      pending_key: made.pendingKey,
      actor: made.actor ?? '',
    })
    .onConflict((conflict) => conflict.column('pending_key').doNothing())
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Ends the pending approval with this key if its time is over at `now`, to make room for the next. */
export async function expireApproval(tx: Handle, pendingKey: string, now: number): Promise<void> {
  await open(tx)
    .updateTable('approvals')
    .set({ state: 'expired', pending_key: null })
    .where('pending_key', '=', pendingKey)
    .where('expires_at', '<=', now)
    .execute()
}

/**
 * Answers an approval that is pending and not past its end.
 *
 * @returns false if it is not: of several answers at once, one wins.
 */
export async function answerApproval(tx: Handle, id: string, answer: ApprovalAnswer): Promise<boolean> {
  const row = await open(tx)
    .updateTable('approvals')
    .set({
      state: answer.state,
      answered_by: answer.answeredBy,
      answered_at: answer.answeredAt,
      expires_at: answer.expiresAt,
      reason: answer.reason,
      pending_key: null,
    })
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .where('expires_at', '>', answer.answeredAt)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Spends an approval that is approved, of these bytes, and not past its end at `use.now`.
 *
 * @returns false if it is not: of several uses at once, one wins.
 */
export async function spendApproval(
  tx: Handle,
  use: { id: string; argumentsDigest: string; callId: string; now: number },
): Promise<boolean> {
  const row = await open(tx)
    .updateTable('approvals')
    .set({ state: 'spent', spent_at: use.now, call_id: use.callId })
    .where('id', '=', use.id)
    .where('state', '=', 'approved')
    .where('arguments_digest', '=', use.argumentsDigest)
    .where('expires_at', '>', use.now)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Cancels the approvals in the scope that are pending or approved: it costs what these cost, however many people are meant.
 *
 * @param scope At least one member: an empty scope is a mistake and throws.
 * @returns the ids of those that were cancelled.
 */
export async function cancelApprovals(tx: Handle, scope: ApprovalScope): Promise<string[]> {
  const db = open(tx)
  const { membersOf, principalIds } = scope
  let found = db.selectFrom('approvals').select('id').where('state', 'in', ['pending', 'approved'])
  const limits = [
    ['grant_id', scope.grantId],
    ['principal_id', scope.principalId],
    ['client_id', scope.clientId],
    ['upstream', scope.upstream],
    ['tool', scope.tool],
  ] as const
  if (Object.values(scope).every((value) => value === undefined))
    throw new TypeError('cannot cancel approvals without a scope')
  for (const [column, value] of limits) {
    if (value !== undefined) found = found.where(column, '=', value)
  }
  if (principalIds !== undefined) found = found.where('principal_id', 'in', principalIds)
  if (membersOf !== undefined) {
    found = found.where(({ exists, selectFrom }) => {
      const membership = selectFrom('memberships')
        .select('memberships.member_id')
        .whereRef('memberships.member_id', '=', 'approvals.principal_id')
        .where('memberships.group_id', 'in', membersOf.groupIds)
      return exists(
        membersOf.source === undefined ? membership : membership.where('memberships.source', '=', membersOf.source),
      )
    })
  }
  // One by one in the order of their ids: two cancellations at once wait for each other and never for ever.
  const cancelled: string[] = []
  for (const { id } of await found.orderBy('id').execute()) {
    const row = await db
      .updateTable('approvals')
      .set({ state: 'cancelled', pending_key: null })
      .where('id', '=', id)
      .where('state', 'in', ['pending', 'approved'])
      .returning('id')
      .executeTakeFirst()
    if (row !== undefined) cancelled.push(row.id)
  }
  return cancelled
}

/** The approval with this id, if there is one. */
export async function findApproval(handle: Handle, id: string): Promise<Approval | undefined> {
  const row = await open(handle).selectFrom('approvals').selectAll().where('id', '=', id).executeTakeFirst()
  return row && approvalFrom(row)
}

/** One call of a grant: the tool of an upstream, the argument bytes, and who acts. */
export type ApprovedCall = Pick<Approval, 'grantId' | 'upstream' | 'tool' | 'argumentsDigest' | 'actor'>

/**
 * The approval of a grant for a tool and these argument bytes: one that is pending or approved and not past its end at
 * `now` before any other, and of those the newest.
 */
export async function findNewestApproval(
  handle: Handle,
  call: ApprovedCall,
  now: number,
): Promise<Approval | undefined> {
  const row = await open(handle)
    .selectFrom('approvals')
    .selectAll()
    .where('grant_id', '=', call.grantId)
    .where('upstream', '=', call.upstream)
    .where('tool', '=', call.tool)
    .where('arguments_digest', '=', call.argumentsDigest)
    .where('actor', '=', call.actor ?? '')
    // Not by time alone: a wall clock that was set back would hide the new behind the old.
    .orderBy((eb) =>
      eb
        .case()
        .when(eb.and([eb('state', 'in', ['pending', 'approved']), eb('expires_at', '>', now)]))
        .then(0)
        .else(1)
        .end(),
    )
    .orderBy('requested_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && approvalFrom(row)
}

/** The approval that this principal used last for exactly this call, through whichever grant. */
export async function findLastSpent(
  handle: Handle,
  call: Pick<Approval, 'principalId' | 'upstream' | 'tool' | 'argumentsDigest'>,
): Promise<Approval | undefined> {
  const row = await open(handle)
    .selectFrom('approvals')
    .selectAll()
    .where('principal_id', '=', call.principalId)
    .where('upstream', '=', call.upstream)
    .where('tool', '=', call.tool)
    .where('arguments_digest', '=', call.argumentsDigest)
    .where('state', '=', 'spent')
    .orderBy('spent_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && approvalFrom(row)
}

/** Cancels what is approved of a call and not used, because it is asked for anew. */
export async function supersedeApprovals(tx: Handle, call: ApprovedCall, now: number): Promise<void> {
  await open(tx)
    .updateTable('approvals')
    .set({ state: 'cancelled' })
    .where('grant_id', '=', call.grantId)
    .where('upstream', '=', call.upstream)
    .where('tool', '=', call.tool)
    .where('arguments_digest', '=', call.argumentsDigest)
    .where('actor', '=', call.actor ?? '')
    .where('state', '=', 'approved')
    .where('expires_at', '>', now)
    .execute()
}

/** The approval that is pending under this key, if there is one. */
export async function findPendingApproval(handle: Handle, pendingKey: string): Promise<Approval | undefined> {
  const row = await open(handle)
    .selectFrom('approvals')
    .selectAll()
    .where('pending_key', '=', pendingKey)
    .executeTakeFirst()
  return row && approvalFrom(row)
}

/** The sealed arguments of an approval. */
export async function findSealedArguments(handle: Handle, id: string): Promise<string | undefined> {
  const row = await open(handle)
    .selectFrom('approvals')
    .select('arguments_sealed')
    .where('id', '=', id)
    .executeTakeFirst()
  return row?.arguments_sealed
}

/** The approvals that match, newest first. */
export async function listApprovals(handle: Handle, query: ApprovalQuery): Promise<Approval[]> {
  let found = open(handle).selectFrom('approvals').selectAll()
  if (query.principalId !== undefined) found = found.where('principal_id', '=', query.principalId)
  if (query.notPrincipalId !== undefined) found = found.where('principal_id', '!=', query.notPrincipalId)
  if (query.pendingAt !== undefined) {
    found = found.where('state', '=', 'pending').where('expires_at', '>', query.pendingAt)
  }
  const rows = await found.orderBy('requested_at', 'desc').orderBy('id', 'desc').limit(query.limit).execute()
  return rows.map(approvalFrom)
}

/** How many approvals of a principal are pending at `now`, and how many it has asked for since `since`. */
export async function countApprovals(
  handle: Handle,
  principalId: string,
  times: { now: number; since: number },
): Promise<{ pending: number; recent: number }> {
  const mine = open(handle)
    .selectFrom('approvals')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('principal_id', '=', principalId)
  const pending = await mine
    .where('state', '=', 'pending')
    .where('expires_at', '>', times.now)
    .executeTakeFirstOrThrow()
  const recent = await mine.where('requested_at', '>', times.since).executeTakeFirstOrThrow()
  return { pending: Number(pending.count), recent: Number(recent.count) }
}

function approvalFrom(row: Selectable<Tables['approvals']>): Approval {
  return {
    id: row.id,
    principalId: row.principal_id,
    clientId: row.client_id,
    grantId: row.grant_id,
    upstream: row.upstream,
    tool: row.tool,
    toolDigest: row.tool_digest,
    argumentsDigest: row.arguments_digest,
    state: row.state as ApprovalState,
    requestedAt: row.requested_at,
    expiresAt: row.expires_at,
    answeredBy: row.answered_by ?? undefined,
    answeredAt: row.answered_at ?? undefined,
    reason: row.reason ?? undefined,
    spentAt: row.spent_at ?? undefined,
    callId: row.call_id ?? undefined,
    ...(row.actor !== '' && { actor: row.actor }),
  }
}
