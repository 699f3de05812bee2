import type { Clock } from '../../base/clock.ts'
import type { TransmitterConfig } from '../../base/config.ts'
import { digestOf, makeId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import { endedByProvider } from '../../model/rights.ts'
import type { ChangeKind } from '../../ledger/entry.ts'
import { findPrincipalBySubject } from '../../store/principals.ts'
import { findPrincipalIdsOfSession } from '../../store/sign-ins.ts'
import { insertSignal } from '../../store/signals.ts'
import { isSpent, spend } from '../../store/spent.ts'
import type { Handle, Store } from '../../store/store.ts'
import { voidEarlierOf } from '../login/void.ts'
import type { IdentityLedger } from '../records.ts'
import { LastAdministrator, type EndGrants, withdraw } from '../withdraw.ts'
import type { OnDisable } from '../principals.ts'
import { isOfStream, nameOfEvent, type Taken, takenBy, takenTogether, takesAnything } from './events.ts'
import { ageSecondsMax, type SecurityEvents } from './set.ts'
import { type Meant, readSubject } from './subject.ts'

/** Signals of one transmitter that the pages can show. */
export const signalsKept = 50

/** What taking an event stands on. */
export interface TakingParts {
  store: Store
  ledger: IdentityLedger
  clock: Clock
  log: Log
  endGrants: EndGrants
  onDisable: readonly OnDisable[]
}

class Repeated extends Error {}

/** Somebody came in by what was being ended. */
class CameIn extends Error {}

/**
 * Takes events that were verified: once, however often and at whichever replicas they come.
 *
 * Promise: when it resolves, what they take away has been taken, the ledger says so with the transmitter as the one who did
 * it, and the token is worth nothing any more; all in one transaction. Nothing is given, whatever they say.
 *
 * @returns false if they were taken before.
 * @throws {Refused} if they cannot be read. `ledger.unavailable` if it is not confirmed: then they must be sent again.
 */
export async function takeEvents(
  parts: TakingParts,
  { transmitter, said }: { transmitter: TransmitterConfig; said: SecurityEvents },
): Promise<boolean> {
  const token = digestOf(JSON.stringify([transmitter.id, said.jti]))
  const found = said.events.flatMap(({ type, payload }) => takenBy(type, payload) ?? [])
  // Read even where nothing is taken: the transmitter hears of what cannot be read, and of nothing else.
  const meant = found.length > 0 ? readSubject(said.subject, transmitter.people) : []
  if (await isSpent(parts.store, purpose, token)) return false
  const principalId = await findMeant(parts.store, meant, transmitter.people)
  const taken = takenTogether(principalId === undefined ? [] : found)
  const named = takesAnything(takenTogether(found)) ? meant : []
  const given = { transmitter, said, token, principalId, named }
  try {
    await record(parts, { ...given, taken, spared: false })
  } catch (error) {
    if (error instanceof Repeated) return false
    if (error instanceof CameIn) return takeEvents(parts, { transmitter, said })
    if (!(error instanceof LastAdministrator)) throw error
    parts.log.error({ transmitter: transmitter.id, principalId }, 'a signal would disable the last administrator')
    return await record(parts, { ...given, taken: { ...taken, principal: false }, spared: true }).then(
      () => true,
      (again: unknown) => {
        if (again instanceof Repeated) return false
        throw again
      },
    )
  }
  return true
}

const purpose = 'signal'

async function findMeant(handle: Handle, meant: readonly Meant[], people: string): Promise<string | undefined> {
  for (const one of meant) {
    if ('subject' in one) {
      const principal = await findPrincipalBySubject(handle, people, one.subject)
      if (principal !== undefined) return principal.id
    } else {
      const ids = await findPrincipalIdsOfSession(handle, { issuer: people, session: one.session })
      if (ids.length === 1) return ids[0]
    }
  }
  return undefined
}

interface Recorded {
  transmitter: TransmitterConfig
  said: SecurityEvents
  /** What stands for the token among what is spent. */
  token: string
  principalId: string | undefined
  /** Whom something is taken from, as the transmitter names him: his first login may be under way. */
  named: readonly Meant[]
  taken: Taken
  /** He is the last administrator, and so not disabled: but he must prove anew who he is. */
  spared: boolean
}

async function record(parts: TakingParts, of: Recorded): Promise<void> {
  const { transmitter, said, principalId, taken, spared } = of
  const now = parts.clock.now()
  const names = said.events.map(({ type }) => nameOfEvent(type)).join(', ')
  const effect = describe(of)
  const change = {
    by: `transmitter:${transmitter.id}`,
    what: kindOf(taken),
    about: principalId === undefined ? { kind: 'sign-in' as const } : { kind: 'principal' as const, id: principalId },
    reason: `the event ${names} of ${transmitter.id}`,
    details: {
      issuer: transmitter.issuer,
      jti: said.jti,
      events: said.events.map(({ type }) => type),
      issuedAt: said.issuedAt,
      effect,
      ...(spared && { spared: 'the last administrator is not disabled' }),
    },
  }
  await parts.ledger.recordChange(change, async (tx) => {
    const until = said.issuedAt + (ageSecondsMax + 3_600) * 1_000
    if (!(await spend(tx, { purpose, id: of.token, until, now }))) throw new Repeated()
    const stored = { id: makeId(parts.clock), transmitter: transmitter.id, event: names, receivedAt: now }
    await insertSignal(tx, { ...stored, issuedAt: said.issuedAt, principalId, effect }, signalsKept)
    if (principalId !== undefined && takesAnything(taken))
      await withdraw(tx, parts, {
        principalId,
        ...(taken.signIn && { signInAfter: said.issuedAt }),
        ...(taken.grants && { grantsBecause: `${endedByProvider}: ${change.reason}` }),
        disable: taken.principal,
      })
    for (const one of of.named) await voidEarlierOf(tx, { issuer: transmitter.people, ...one }, now)
    if (principalId === undefined && (await findMeant(tx, of.named, transmitter.people)) !== undefined)
      throw new CameIn()
  })
}

function kindOf(taken: Taken): ChangeKind {
  if (taken.principal) return 'principal.disabled'
  if (taken.grants) return 'principal.signed_out'
  return taken.signIn ? 'principal.sign_in_demanded' : 'signal.received'
}

function describe({ said, principalId, taken, spared }: Recorded): string {
  if (said.events.every(({ type }) => isOfStream(type))) return 'about the stream'
  const found = said.events.some(({ type, payload }) => takenBy(type, payload) !== undefined)
  if (!found) return 'nothing: not an event that takes anything here'
  if (principalId === undefined) return 'nothing: about nobody who is known here'
  if (taken.principal) return 'disabled'
  const parts = [
    taken.grants && 'signed out, grants ended',
    taken.signIn && 'must sign in anew',
    spared && 'not disabled, as the last administrator',
  ].filter((part) => part !== false)
  return parts.join('; ') || 'nothing: it says that things became better'
}
