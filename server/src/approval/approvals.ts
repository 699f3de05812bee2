import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { digestOf } from '../base/ids.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Approval, ApprovalState } from '../model/rights.ts'
import {
  type ApprovalScope,
  type ApprovedCall,
  cancelApprovals,
  findApproval,
  findLastSpent,
  findNewestApproval,
  findSealedArguments,
  listApprovals,
  spendApproval,
} from '../store/approvals.ts'
import type { Handle, Store } from '../store/store.ts'
import type { Vault } from '../vault/vault.ts'
import { type Answer, answerRequest, notFound } from './answer.ts'
import { approvalAt } from './lifetimes.ts'
import { type ApprovalRequest, requestApproval } from './request.ts'
import { type ShownArguments, showArguments } from './show.ts'

/** Longest list of approvals that is returned at once. */
const listMax = 200

/** How many pending requests are looked through for those that one approver may decide. */
const waitingMax = 2_000

/** Which approvals to list. */
export interface ApprovalList {
  /** Those that this principal asked for. */
  forPrincipal?: string
  /** Those that wait for an answer which this principal may give. */
  decidableBy?: string
  states?: readonly ApprovalState[]
}

/** An approval as somebody may see it. */
export interface ApprovalView {
  approval: Approval
  /** Why they may see it: they asked, or they may decide. */
  as: 'requester' | 'approver'
  shown: ShownArguments
}

/**
 * Requests for one call and the answers to them.
 *
 * An approval carries nothing by itself: it is a fact that `decide()` sees when the call is made again.
 *
 * @see spec/approval.md
 */
export interface Approvals {
  /** Asks for the approval of one call, or returns the one that was asked for. See `requestApproval`. */
  request(asked: ApprovalRequest): Promise<Approval>
  /** Approves or denies. See `answerRequest`. */
  answer(answer: Answer): Promise<Approval>
  /** The newest approval of a grant for a tool, these argument bytes and who acts, as it stands now. */
  findFor(call: ApprovedCall): Promise<Approval | undefined>
  /** The approval that this principal used last for exactly this call, through whichever client. */
  findLastUse(
    call: Pick<Approval, 'principalId' | 'upstream' | 'tool' | 'argumentsDigest'>,
  ): Promise<Approval | undefined>
  /** @throws {Fault} `approval.not_found`. */
  get(id: string): Promise<Approval>
  /**
   * The approval with its arguments, for the page behind `urlOf`. The address is no key: only who asked, and who may
   * decide, see anything.
   *
   * @throws {Fault} `approval.not_found` for everybody else, whether or not it exists.
   */
  view(id: string, viewerId: string): Promise<ApprovalView>
  /**
   * The exact arguments, canonical JSON.
   *
   * @throws {Fault} `approval.digest_mismatch` if what is stored is not what was asked for.
   */
  argumentsOf(approval: Approval): Promise<string>
  /** Newest first, at most 200. */
  list(which: ApprovalList): Promise<Approval[]>
  /**
   * Spends an approval within the transaction of the intent: both are written or neither is. Of any number of uses, one
   * wins.
   *
   * @param use The call that is about to be made: of these bytes, under this id.
   * @throws {Fault} `approval.spent` if it is not approved any more, is past its end, or is of other bytes.
   */
  spend(tx: Handle, id: string, use: { argumentsDigest: string; callId: string }): Promise<void>
  /**
   * Cancels all that is pending or approved in the scope, within the transaction that withdraws the ground of it.
   *
   * @param scope At least one member.
   * @returns how many.
   */
  cancelFor(tx: Handle, scope: ApprovalScope): Promise<number>
  /** The page of an approval. Not pre-authenticated, and without personal data. */
  urlOf(id: string): string
}

/** What the room is made of. */
export interface ApprovalParts {
  store: Store
  ledger: Pick<Ledger, 'recordChange'>
  vault: Pick<Vault, 'seal' | 'open'>
  clock: Clock
  /** Where the pages are, without a slash at its end. */
  origin: string
  /**
   * Whether a principal is active and may approve calls of this tool now. Asked at the answer; the gateway asks it again
   * when the call is made.
   */
  mayApprove: (principalId: string, upstream: string, tool: string) => Promise<boolean>
}

/** Opens the room of approvals. */
export function openApprovals(parts: ApprovalParts): Approvals {
  const { store, vault, clock, mayApprove } = parts

  async function argumentsOf(approval: Approval): Promise<string> {
    const sealed = await findSealedArguments(store, approval.id)
    if (sealed === undefined) throw notFound()
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      vault.open('approval', approval.id, sealed),
    )
    if (digestOf(text) === approval.argumentsDigest) return text
    throw new Fault('approval.digest_mismatch', 'cannot show this request: its arguments are not those asked for', {
      detail: `approval ${approval.id}: the stored arguments do not have the digest ${approval.argumentsDigest}`,
    })
  }

  async function get(id: string): Promise<Approval> {
    const approval = await findApproval(store, id)
    if (approval === undefined) throw notFound()
    return approvalAt(approval, clock.now())
  }

  async function view(id: string, viewerId: string): Promise<ApprovalView> {
    const approval = await get(id)
    const asks = approval.principalId === viewerId
    if (!asks && !(await mayApprove(viewerId, approval.upstream, approval.tool))) throw notFound()
    return { approval, as: asks ? 'requester' : 'approver', shown: showArguments(await argumentsOf(approval)) }
  }

  return {
    request: (asked) => requestApproval(parts, asked),
    answer: (answer) => answerRequest({ ...parts, argumentsOf }, answer),
    get,
    view,
    argumentsOf,
    async findFor(call) {
      const now = clock.now()
      const approval = await findNewestApproval(store, call, now)
      return approval && approvalAt(approval, now)
    },
    findLastUse: (call) => findLastSpent(store, call),
    async list(which) {
      const now = clock.now()
      const found = (await listFor(parts, which, now)).map((approval) => approvalAt(approval, now))
      return which.states === undefined ? found : found.filter(({ state }) => which.states?.includes(state))
    },
    async spend(tx, id, use) {
      if (await spendApproval(tx, { ...use, id, now: clock.now() })) return
      throw new Fault('approval.spent', 'cannot use this approval: it has been used or withdrawn, or its time is over')
    },
    cancelFor: async (tx, scope) => (await cancelApprovals(tx, scope)).length,
    urlOf: (id) => `${parts.origin}/approvals/${id}`,
  }
}

async function listFor(parts: ApprovalParts, which: ApprovalList, now: number): Promise<Approval[]> {
  const { forPrincipal, decidableBy } = which
  const query = {
    limit: decidableBy === undefined ? listMax : waitingMax,
    ...(forPrincipal === undefined ? {} : { principalId: forPrincipal }),
  }
  if (decidableBy === undefined) return listApprovals(parts.store, query)
  const waiting = await listApprovals(parts.store, { ...query, notPrincipalId: decidableBy, pendingAt: now })
  const may = new Map<string, Promise<boolean>>()
  const decidable: Approval[] = []
  for (const approval of waiting) {
    const tool = JSON.stringify([approval.upstream, approval.tool])
    const answer = may.get(tool) ?? parts.mayApprove(decidableBy, approval.upstream, approval.tool)
    may.set(tool, answer)
    if (await answer) decidable.push(approval)
  }
  return decidable.slice(0, listMax)
}
