import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { digestOf, makeId } from '../base/ids.ts'
import type { ArgumentLimits } from '../model/limits.ts'
import type { Login } from '../model/login.ts'
import type { Grant } from '../model/rights.ts'
import {
  findStoredGrant,
  type GrantFilter,
  insertGrant,
  listStoredGrants,
  revokeStoredGrants,
  widenStoredGrant,
  updateGrantLogin,
} from '../store/grants.ts'
import { deleteProtocolRecordsOfGrants } from '../store/protocol-records.ts'
import { advanceRevision } from '../store/revisions.ts'
import type { Handle, Store } from '../store/store.ts'
import type { OnRevoke, Recorder } from './ports.ts'

/** What a person chose on the consent page. */
export interface Choice {
  principalId: string
  /** `digest`: of what it said of itself to who chose; absent where it cannot change that. */
  client: { id: string; name: string; digest?: string | undefined }
  upstream: string
  /** Tool name → digest of the definition that was shown. */
  tools: ReadonlyMap<string, string>
  durationSeconds: number
  /**
   * Whether the client's earlier grants of the same giver end with this one; else they stand beside it. Of a provider those
   * that are told by other scopes stand all the same.
   */
  replaces: boolean
  /** How and when the principal proved to be himself, as he chose. */
  login?: Login | undefined
  /** The identity provider that vouches for it; absent when the principal chose. */
  issuer?: string
  /** The administrator who gives it to a machine, and why; absent when the principal chose. */
  by?: string
  reason?: string
  /** What bounds the arguments of tools that were asked for so. */
  limits?: ReadonlyMap<string, ArgumentLimits>
  /** The scopes that the client is told; absent where it asked for none. */
  scope?: string
}

/** Grants that are meant together: those that match every field that is given, at least one. */
export type GrantsOf = {
  principalId?: string
  clientId?: string
  upstream?: string
  /** Only those that were not given to a client that says this of itself. */
  clientDigestOtherThan?: string
}

// A page of grants; nobody reads more at once.
const listedMax = 1_000
// An entry holds 64 KiB: longer lists of tools are recorded as their number and digest.
const recordedToolsMax = 300

/** Why a grant ended that a newer one took the place of: nobody withdrew it. */
export const replaced = 'replaced by a newer choice'
/** Why a grant ended that its client did not want any more: nobody withdrew it from the client. */
export const givenBack = 'the client gave its token back'

/** Why a grant ended whose client became another one: whoever gave it is asked again. */
export const consentAgain = 'the client changed its redirect addresses or its keys'

class AlreadyRevoked extends Error {}

/** The grants: the rights that principals gave to clients. This is their only record: the protocol engine reads it too. */
export class Grants {
  readonly #store: Store
  readonly #recorder: Recorder
  readonly #clock: Clock
  readonly #onRevoke: OnRevoke

  constructor(parts: { store: Store; recorder: Recorder; clock: Clock; onRevoke: OnRevoke }) {
    this.#store = parts.store
    this.#recorder = parts.recorder
    this.#clock = parts.clock
    this.#onRevoke = parts.onRevoke
  }

  /** The grant of this id, whatever its state. */
  find(id: string): Promise<Grant | undefined> {
    return findStoredGrant(this.#store, id)
  }

  /** The grants that match, newest first, at most 1,000. */
  list(filter: GrantFilter): Promise<Grant[]> {
    return listStoredGrants(this.#store, filter, listedMax)
  }

  /** The same, as this transaction sees them. */
  listWithin(tx: Handle, filter: GrantFilter): Promise<Grant[]> {
    return listStoredGrants(tx, filter, listedMax)
  }

  /**
   * Gives a grant.
   *
   * Promise: grant, ledger entry and `alongside` commit together or not at all. If it replaces, earlier grants of the same
   * principal to the same client on the same upstream end with it.
   *
   * @param alongside Runs once, within the transaction.
   * @returns The grant, active from now.
   * @throws {Fault} `ledger.unavailable`: nothing was given.
   */
  async give(choice: Choice, alongside: (tx: Handle) => Promise<void>): Promise<Grant> {
    const now = this.#clock.now()
    const grant: Grant = {
      id: makeId(this.#clock),
      principalId: choice.principalId,
      clientId: choice.client.id,
      upstream: choice.upstream,
      createdAt: now,
      endsAt: now + choice.durationSeconds * 1_000,
      revokedAt: undefined,
      revokedBecause: undefined,
      ...(choice.issuer !== undefined && { issuer: choice.issuer }),
      ...(choice.client.digest !== undefined && { clientDigest: choice.client.digest }),
      ...(choice.scope !== undefined && { scope: choice.scope }),
      ...(choice.login !== undefined && { login: choice.login }),
      tools: choice.tools,
      ...(choice.limits !== undefined && choice.limits.size > 0 && { limits: choice.limits }),
    }
    const same = { principalId: grant.principalId, clientId: grant.clientId, upstream: grant.upstream }
    const standing = choice.replaces ? await this.list({ ...same, activeAt: now }) : []
    const earlier = standing.filter(
      ({ issuer, scope }) => issuer === choice.issuer && (issuer === undefined || scope === choice.scope),
    )
    const details = {
      principalId: grant.principalId,
      clientId: grant.clientId,
      clientName: choice.client.name,
      upstream: grant.upstream,
      endsAt: grant.endsAt,
      ...(grant.issuer !== undefined && { issuer: grant.issuer }),
      ...describeTools(grant.tools),
      ...(grant.limits !== undefined && { limits: Object.fromEntries(grant.limits) }),
      ...(earlier.length > 0 ? { supersedes: earlier.map(({ id }) => id) } : {}),
    }
    const change = {
      by: choice.by ?? grant.principalId,
      what: 'grant.given',
      about: { kind: 'grant', id: grant.id },
      reason: choice.reason,
      details,
    } as const
    await this.#recorder.recordChange(change, async (tx) => {
      await alongside(tx)
      const ofProvider = choice.issuer !== undefined && { scope: choice.scope ?? null }
      const ofSame = { ...same, issuer: choice.issuer ?? null, ...ofProvider }
      const ended = choice.replaces ? await this.#revokeWhich(tx, ofSame, replaced) : []
      // The news of the new grant say nothing of these: what is open under each must hear that it ended.
      for (const id of ended) await advanceRevision(tx, now, { kind: 'grant', id })
      await insertGrant(tx, grant)
    })
    return grant
  }

  /**
   * Adds tools to a grant, in the name of who gave it.
   *
   * Promise: when it resolves, the next call of them is decided with them; tokens stay the same.
   *
   * @throws {Fault} `oauth.grant_unknown` if it is not in force, not of this principal, or not given by a person.
   */
  async widen(step: {
    by: string
    id: string
    tools: ReadonlyMap<string, string>
    scope: string | undefined
  }): Promise<void> {
    const { by, id, tools, scope } = step
    const grant = await this.find(id)
    if (grant === undefined || grant.principalId !== by || grant.issuer !== undefined) throw notToWiden()
    const { principalId, clientId, upstream } = grant
    const change = {
      by,
      what: 'grant.widened',
      about: { kind: 'grant', id },
      details: { principalId, clientId, upstream, ...describeTools(tools) },
    } as const
    await this.#recorder.recordChange(change, async (tx) => {
      if (!(await widenStoredGrant(tx, id, { tools, scope, now: this.#clock.now() }))) throw notToWiden()
    })
  }

  /**
   * Puts a new login behind a grant: for what its principal may use only with a fresh or a strong one.
   *
   * @param step `by` must be the principal who gave it, in a browser that proved to be his by `login`.
   * @throws {Fault} `oauth.grant_unknown` if there is no such grant of his in force.
   */
  async renewLogin({ by, id, login }: { by: string; id: string; login: Login }): Promise<void> {
    const unknown = () =>
      new Fault(
        'oauth.grant_unknown',
        'cannot put this login behind the grant: there is no such grant of yours in force',
      )
    const grant = await this.find(id)
    if (grant?.principalId !== by || grant.endsAt <= this.#clock.now()) throw unknown()
    const { clientId, upstream } = grant
    const details = { clientId, upstream, loginAt: login.at, amr: [...login.amr], ...(login.acr && { acr: login.acr }) }
    const change = { by, what: 'grant.login_renewed', about: { kind: 'grant', id }, details } as const
    await this.#recorder.recordChange(change, async (tx) => {
      if (!(await updateGrantLogin(tx, id, login))) throw unknown()
    })
  }

  /**
   * Revokes a grant: its tokens are refused from now on, and cannot be renewed.
   *
   * Promise: when it resolves, the grant is revoked, whoever did it.
   *
   * @param by Id of the principal, or `system`.
   * @throws {Fault} `oauth.grant_unknown` if there is no such grant.
   */
  async revoke({ by, id, reason }: { by: string; id: string; reason: string }): Promise<void> {
    const grant = await this.find(id)
    if (grant === undefined)
      throw new Fault('oauth.grant_unknown', 'cannot revoke this grant: there is none of this id')
    if (grant.revokedAt !== undefined) return
    const { principalId, clientId, upstream } = grant
    const change = {
      by,
      what: 'grant.revoked',
      about: { kind: 'grant', id },
      reason,
      details: { principalId, clientId, upstream },
    } as const
    const work = async (tx: Handle): Promise<void> => {
      // Somebody else was faster: an entry that changes nothing is not written.
      if ((await this.#revokeWhich(tx, { id }, reason)).length === 0) throw new AlreadyRevoked()
    }
    await this.#recorder.recordChange(change, work).catch((error: unknown) => {
      if (!(error instanceof AlreadyRevoked)) throw error
    })
  }

  /**
   * Revokes within the transaction of a greater change, such as of a client or of a principal, all that belongs to it.
   *
   * @returns the ids of the grants that ended by it.
   */
  revokeWithin(tx: Handle, which: GrantsOf, because: string): Promise<string[]> {
    return this.#revokeWhich(tx, which, because)
  }

  async #revokeWhich(
    tx: Handle,
    which: GrantsOf & { id?: string; issuer?: string | null; scope?: string | null },
    because: string,
  ): Promise<string[]> {
    const ids = await revokeStoredGrants(tx, which, { at: this.#clock.now(), because })
    await deleteProtocolRecordsOfGrants(tx, ids)
    for (const grantId of ids) await this.#onRevoke(tx, { grantId })
    return ids
  }
}

function notToWiden(): Fault {
  return new Fault('oauth.grant_unknown', 'cannot add to this grant: it is not in force, or not one that you gave')
}

function describeTools(tools: ReadonlyMap<string, string>): Record<string, unknown> {
  if (tools.size <= recordedToolsMax) return { tools: Object.fromEntries(tools) }
  const lines = [...tools].map(([name, digest]) => `${name} ${digest}`).sort()
  return { toolCount: tools.size, toolsDigest: digestOf(lines.join('\n')) }
}
