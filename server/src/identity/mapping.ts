import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { makeId } from '../base/ids.ts'
import type { Principal } from '../model/principal.ts'
import { readReason, type Entitlement } from '../model/rights.ts'
import { listEntitlements } from '../store/entitlements.ts'
import { deleteGroupRules, type GroupRule, insertGroupRule, listGroupRules } from '../store/group-rules.ts'
import { findLastClaims, keepLastClaims } from '../store/last-claims.ts'
import {
  deleteAllMembers,
  deleteMembers,
  deleteMemberships,
  insertMembership,
  listGroupIdsOf,
  listMemberships,
  listMembershipSources,
} from '../store/memberships.ts'
import { findPrincipal, findPrincipalBySubject } from '../store/principals.ts'
import type { Handle, Store } from '../store/store.ts'
import type { Sealer } from '../vault/sealer.ts'
import { byHand, getGroup, type OnLeave } from './groups.ts'
import type { SaidGroups } from './idp/claims.ts'
import type { Idp, Person, RedirectIdp } from './idp.ts'
import { type Begun, checkNotVoid } from './login/void.ts'
import { checkAdministers, lockAdministration } from './principals.ts'
import type { IdentityLedger } from './records.ts'
import { isProvisioned } from './scim/provisioner.ts'

const rulesMax = 1_000
const triesMax = 5
const claimsBytesMax = 64 * 1_024
/** Memberships that end in one transaction, and in one entry. */
const endedMax = 500

/** A rule that is not there yet. */
export type DraftRule = Pick<GroupRule, 'match' | 'value' | 'groupId'>

/** A person as claims describe him: issuer and subject say who it is, and whether he is known here. */
export interface SaidPerson extends Pick<Person, 'issuer' | 'subject' | 'name' | 'email'> {
  principalId: string | undefined
}

/** What would come of a sign-in. */
export interface Preview {
  /** Who would be signed in; absent where `subjectClaim` does not say it: such a sign-in fails. */
  person: SaidPerson | undefined
  /** The claim that says who somebody is. */
  subjectClaim: RedirectIdp['subjectClaim']
  /** What the provider says of groups, as far as its claims were read. */
  said: SaidGroups
  /** The groups of ours, each with the values that lead there; those without any contain another of them. */
  groups: { group: Principal; values: string[] }[]
  /** What they hold. */
  rights: Entitlement[]
}

/** A provider that may say in which groups somebody is. */
export interface MappedProvider {
  id: string
  name: string
  /** Whether it is asked for groups at all. */
  saysGroups: boolean
}

/** From what providers say to groups of ours: by rules that administrators made, and never without one. */
export interface Mapping {
  listProviders(): MappedProvider[]
  /** The rules of a provider, oldest first. */
  listGroupRules(provider: string): Promise<GroupRule[]>
  /**
   * Makes a rule. It is followed at the next sign-in of each person.
   *
   * @throws {Fault} `identity.not_found`, `identity.not_allowed`, `identity.input_invalid`
   */
  addGroupRule(step: { by: string; provider: string; reason: string } & DraftRule): Promise<GroupRule>
  /** Removes a rule, and at once every membership that may have come of it; other rules give theirs again at the next sign-in. */
  removeGroupRule(step: { by: string; id: string; reason: string }): Promise<void>
  /**
   * What would come of claims, by the rules that are and by drafts. Nothing is changed.
   *
   * @param asked `claims`, or whose last ones: those of `principalId`.
   * @throws {Fault} `identity.not_found`
   */
  previewGroups(asked: {
    provider: string
    claims?: Readonly<Record<string, unknown>> | undefined
    principalId?: string | undefined
    drafts?: readonly DraftRule[] | undefined
  }): Promise<Preview>
  /** What the provider said of a principal at his last sign-in. */
  lastClaimsOf(
    principalId: string,
  ): Promise<{ provider: string; at: number; claims: Record<string, unknown> } | undefined>
}

/** The other end: for this room's logins only. */
export interface MappingDesk {
  /**
   * Makes the memberships of a person what his provider says now, as the rules have it. What it says no longer ends, with
   * what was open by it, before the sign-in begins.
   *
   * @param said `groups` are absent where the provider was not asked: then nothing follows.
   * @throws {Fault} `identity.sign_in_failed` if the login is void that it was said in; `base.busy`
   */
  refresh(
    principal: Principal,
    said: { provider: string; groups: readonly string[] | undefined; begun: Begun },
  ): Promise<void>
  /** Keeps what the provider said of somebody who is in. */
  keepClaims(principal: Principal, provider: string, claims: Person['claims']): Promise<void>
}

interface MappingParts {
  store: Store
  ledger: IdentityLedger
  sealer: Sealer
  clock: Clock
  idps: readonly Idp[]
  onLeave: OnLeave[]
}

/**
 * Opens the mapping of the providers of a configuration.
 *
 * Promise: when it resolves, nobody is in a group by a provider that the configuration names no longer, or asks for groups
 * no longer: no sign-in could end that.
 */
export async function openMapping(parts: MappingParts): Promise<{ mapping: Mapping; desk: MappingDesk }> {
  await endSilent(parts)
  const { store, ledger, sealer, clock, idps } = parts
  const getIdp = (id: string) => {
    const found = idps.find((idp) => idp.way === 'redirect' && idp.id === id)
    if (found?.way !== 'redirect') throw new Fault('identity.not_found', 'there is no such identity provider')
    return found
  }

  const mapping: Mapping = {
    listProviders: () =>
      idps.flatMap((idp) =>
        idp.way === 'redirect' ? [{ id: idp.id, name: idp.name, saysGroups: idp.readGroups !== undefined }] : [],
      ),
    listGroupRules: (provider) => listGroupRules(store, provider),
    async addGroupRule({ by, provider, reason, ...draft }) {
      getIdp(provider)
      const rule: GroupRule = {
        ...readDraft(draft),
        id: makeId(clock),
        provider,
        createdBy: by,
        createdAt: clock.now(),
      }
      const about = { kind: 'group', id: rule.groupId } as const
      const details = { rule: rule.id, provider, match: rule.match, value: rule.value }
      await ledger.recordChange(
        { by, what: 'group.rule_added', about, reason: readReason(reason), details },
        async (tx) => {
          await lockAdministration(tx, clock)
          await checkAdministers(tx, by, clock)
          await getGroup(tx, rule.groupId)
          if ((await listGroupRules(tx)).length >= rulesMax)
            throw new Fault('identity.input_invalid', `cannot make this rule: there are ${rulesMax} already`)
          if (!(await insertGroupRule(tx, rule)))
            throw new Fault('identity.input_invalid', 'cannot make this rule: there is the same one already')
        },
      )
      return rule
    },
    async removeGroupRule({ by, id, reason }) {
      const rule = (await listGroupRules(store)).find((one) => one.id === id)
      if (rule === undefined) throw new Fault('identity.not_found', 'there is no such rule')
      const about = { kind: 'group', id: rule.groupId } as const
      const details = { rule: id, provider: rule.provider, match: rule.match, value: rule.value }
      await ledger.recordChange(
        { by, what: 'group.rule_removed', about, reason: readReason(reason), details },
        async (tx) => {
          await lockAdministration(tx, clock)
          await checkAdministers(tx, by, clock)
          if ((await deleteGroupRules(tx, { id })).length === 0)
            throw new Fault('identity.not_found', 'there is no such rule')
          // By this source nobody is in a group but people.
          const ended = { groupId: rule.groupId, source: rule.provider }
          for (const end of parts.onLeave) await end(tx, { groupIds: [ended.groupId], source: ended.source })
          await deleteAllMembers(tx, ended)
        },
      )
    },
    async previewGroups({ provider, claims, principalId, drafts = [] }) {
      const idp = getIdp(provider)
      const last = principalId === undefined ? undefined : await mapping.lastClaimsOf(principalId)
      if (principalId !== undefined && last?.provider !== provider)
        throw new Fault('identity.not_found', 'nothing is known of what this provider said about this principal')
      const given = claims ?? last?.claims ?? {}
      const said = idp.readGroups?.(given) ?? { told: [] }
      const rules = [...(await listGroupRules(store, provider)), ...drafts.map(readDraft)]
      const result = await resultOf(store, { values: said.told ?? [], rules, now: clock.now() })
      return { person: await findSaid(store, idp, given), subjectClaim: idp.subjectClaim, said, ...result }
    },
    async lastClaimsOf(principalId) {
      const kept = await findLastClaims(store, principalId)
      if (kept === undefined) return undefined
      const clear = Buffer.from(sealer.open('last-claims', principalId, kept.sealed)).toString()
      return { provider: kept.provider, at: kept.at, claims: JSON.parse(clear) as Record<string, unknown> }
    },
  }

  async function refreshGroups(
    principal: Principal,
    { source, values, begun }: { source: string; values: readonly string[]; begun: Begun },
  ): Promise<void> {
    for (let attempt = 0; attempt < triesMax; attempt++) {
      const plan = await planOf(store, { principal, source, values })
      if (plan.joined.length + plan.left.length === 0) return
      const about = { kind: 'entitlement', id: principal.id } as const
      const change = { by: principal.id, what: 'group.refreshed', about, details: { source, ...plan } } as const
      try {
        await ledger.recordChange(change, async (tx) => {
          await lockAdministration(tx, clock)
          await checkNotVoid(tx, begun)
          const now = await planOf(tx, { principal, source, values })
          if (JSON.stringify(now) !== JSON.stringify(plan)) throw new Overtaken()
          for (const groupId of plan.left) await deleteMemberships(tx, { groupId, memberId: principal.id, source })
          const createdAt = clock.now()
          for (const groupId of plan.joined)
            await insertMembership(tx, { groupId, memberId: principal.id, source, createdAt })
          if (plan.left.length > 0) for (const end of parts.onLeave) await end(tx, { principalIds: [principal.id] })
        })
        return
      } catch (error) {
        if (!(error instanceof Overtaken)) throw error
      }
    }
    throw new Fault('base.busy', 'cannot sign in now: the groups are being changed; try again in a moment')
  }

  const desk: MappingDesk = {
    async refresh(principal, { provider, groups, begun }) {
      if (groups !== undefined) await refreshGroups(principal, { source: provider, values: groups, begun })
    },
    async keepClaims(principal, provider, claims) {
      const text = claims === undefined ? undefined : JSON.stringify(withoutProof(claims))
      if (text === undefined || Buffer.byteLength(text) > claimsBytesMax) return
      const sealed = sealer.seal('last-claims', principal.id, text)
      await keepLastClaims(store, { principalId: principal.id, provider, sealed, at: clock.now() })
    },
  }
  return { mapping, desk }
}

/** Ends the memberships of sources that say nothing any more, a portion at a time; those by hand and by SCIM are not meant. */
async function endSilent(parts: MappingParts): Promise<void> {
  const { store, ledger, clock, idps, onLeave } = parts
  const says = idps.flatMap((idp) => (idp.way === 'redirect' && idp.readGroups !== undefined ? [idp.id] : []))
  for (const source of await listMembershipSources(store)) {
    if (source === byHand || isProvisioned(source) || says.includes(source)) continue
    for (let group = await firstGroup(store, source); group !== undefined; group = await firstGroup(store, source)) {
      const memberships = { groupId: group, source }
      const members = (await listMemberships(store, memberships, endedMax)).map(({ memberId }) => memberId)
      const about = { kind: 'group', id: group } as const
      const reason = `the configuration asks \`${source}\` for groups no longer`
      const change = { by: 'system', what: 'group.left', about, reason, details: { members, source } } as const
      const ended = ledger.recordChange(change, async (tx) => {
        await lockAdministration(tx, clock)
        const now = (await listMemberships(tx, memberships, endedMax)).map(({ memberId }) => memberId)
        if (JSON.stringify(now) !== JSON.stringify(members)) throw new Overtaken()
        for (const end of onLeave) await end(tx, { principalIds: members })
        await deleteMembers(tx, { ...memberships, memberIds: members })
      })
      // Another replica starts as well.
      await ended.catch((error: unknown) => {
        if (!(error instanceof Overtaken)) throw error
      })
    }
  }
}

async function firstGroup(store: Store, source: string): Promise<string | undefined> {
  return (await listMemberships(store, { source }, 1))[0]?.groupId
}

/** The groups that rules lead to from values, each with the values that do. */
function follow(rules: readonly DraftRule[], values: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const { match, value: wanted, groupId } of rules) {
    const fits = values.filter((value) => (match === 'exact' ? value === wanted : value.startsWith(wanted)))
    if (fits.length > 0) found.set(groupId, [...new Set([...(found.get(groupId) ?? []), ...fits])])
  }
  return found
}

/** What must change so that somebody is where his provider says, by this source. */
async function planOf(
  handle: Handle,
  { principal, source, values }: { principal: Principal; source: string; values: readonly string[] },
): Promise<{ joined: string[]; left: string[] }> {
  const wanted = follow(await listGroupRules(handle, source), values)
  const held = (await listMemberships(handle, { memberId: principal.id, source })).map(({ groupId }) => groupId)
  return {
    joined: [...wanted.keys()].filter((id) => !held.includes(id)).toSorted(),
    left: held.filter((id) => !wanted.has(id)).toSorted(),
  }
}

async function findSaid(
  store: Store,
  idp: RedirectIdp,
  claims: Readonly<Record<string, unknown>>,
): Promise<SaidPerson | undefined> {
  try {
    const { issuer, subject, name, email } = idp.readPerson(claims)
    const principalId = (await findPrincipalBySubject(store, issuer, subject))?.id
    return { issuer, subject, name, email, principalId }
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

async function resultOf(
  store: Store,
  { values, rules, now }: { values: readonly string[]; rules: readonly DraftRule[]; now: number },
): Promise<Pick<Preview, 'groups' | 'rights'>> {
  const led = follow(rules, values)
  const ids = new Map([...led].map(([id, some]) => [id, some]))
  for (const id of led.keys()) for (const outer of await listGroupIdsOf(store, id)) ids.set(outer, ids.get(outer) ?? [])
  const groups: Preview['groups'] = []
  const rights: Entitlement[] = []
  for (const [id, some] of ids) {
    const group = await findPrincipal(store, id)
    if (group?.kind !== 'group' || group.state !== 'active') continue
    groups.push({ group, values: some })
    rights.push(...(await listEntitlements(store, { principalId: id, activeAt: now })))
  }
  return { groups, rights }
}

function readDraft({ match, value, groupId }: DraftRule): DraftRule {
  if (value.length < 1 || value.length > 500 || /[\p{Cc}]/u.test(value))
    throw new Fault('identity.input_invalid', 'cannot use this value: 1 to 500 characters that can be shown')
  return { match, value, groupId }
}

// What proves a login is of no use to who sets up a mapping, and is not kept.
function withoutProof(claims: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { nonce: _nonce, at_hash: _access, c_hash: _code, s_hash: _state, sid: _session, ...rest } = claims
  return rest
}

/** The rules or the memberships moved between looking and writing. */
class Overtaken extends Error {}
