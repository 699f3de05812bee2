import type { ApprovalFact, Facts } from '../../src/policy/facts.ts'

/** The instant of every decision in these tests. */
export const now = 1_800_000_000_000
const minute = 60_000

/** Facts at which everybody has said yes to a destructive call of Ana through a client. Each test spoils what it is about. */
export function goodFacts(): Facts & { approval: ApprovalFact } {
  return {
    now,
    revision: 7,
    principal: { id: 'ana', state: 'active' },
    client: { id: 'claude', state: 'active' },
    upstream: { name: 'mux', state: 'approved', ceiling: 'destructive', proof: 'optional' },
    proven: false,
    reached: true,
    tool: { upstream: 'mux', name: 'delete_asset', pin: 'pinned', digest: 'd1', effect: 'destructive' },
    entitlement: {
      id: 'e1',
      principalId: 'ana',
      right: 'use',
      upstream: 'mux',
      tool: 'delete_asset',
      endsAt: now + minute,
      revokedAt: undefined,
    },
    grant: {
      id: 'g1',
      principalId: 'ana',
      clientId: 'claude',
      upstream: 'mux',
      endsAt: now + minute,
      revokedAt: undefined,
      login: { at: now - minute, acr: 'phr', amr: ['hwk'] },
      toolDigest: 'd1',
    },
    call: { argumentsDigest: 'a1' },
    approval: {
      id: 'p1',
      state: 'approved',
      expiresAt: now + minute,
      principalId: 'ana',
      clientId: 'claude',
      grantId: 'g1',
      upstream: 'mux',
      tool: 'delete_asset',
      toolDigest: 'd1',
      argumentsDigest: 'a1',
      answeredBy: 'bo',
      approverMay: true,
    },
  }
}
