import type { Selectable } from 'kysely'
import type { Principal } from '../model/principal.ts'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

function toPrincipal(row: Selectable<Tables['principals']>): Principal {
  return {
    id: row.id,
    issuer: row.issuer,
    subject: row.subject,
    kind: row.kind as Principal['kind'],
    name: row.name,
    email: row.email ?? undefined,
    state: row.state === 'active' && row.sign_in_after !== null ? 'must_sign_in' : (row.state as Principal['state']),
    createdAt: row.created_at,
    ...(row.owner_id !== null && { ownerId: row.owner_id }),
  }
}

/**
 * Stores a principal unless one of this issuer and subject exists.
 *
 * @returns whether this one was stored.
 */
export async function insertPrincipal(handle: Handle, principal: Principal): Promise<boolean> {
  const stored = await open(handle)
    .insertInto('principals')
    .values({
      id: principal.id,
      issuer: principal.issuer,
      subject: principal.subject,
      kind: principal.kind,
      name: principal.name,
      email: principal.email ?? null,
      state: principal.state === 'disabled' ? 'disabled' : 'active',
      created_at: principal.createdAt,
      disabled_at: null,
      owner_id: principal.ownerId ?? null,
    })
    .onConflict((conflict) => conflict.columns(['issuer', 'subject']).doNothing())
    .returning('id')
    .executeTakeFirst()
  return stored !== undefined
}

/** The principal with this id, disabled ones too. */
export async function findPrincipal(handle: Handle, id: string): Promise<Principal | undefined> {
  const row = await open(handle).selectFrom('principals').selectAll().where('id', '=', id).executeTakeFirst()
  return row && toPrincipal(row)
}

/** The principal whom an identity provider calls `subject`, disabled ones too. Both are compared byte by byte. */
export async function findPrincipalBySubject(
  handle: Handle,
  issuer: string,
  subject: string,
): Promise<Principal | undefined> {
  const row = await open(handle)
    .selectFrom('principals')
    .selectAll()
    .where('issuer', '=', issuer)
    .where('subject', '=', subject)
    .executeTakeFirst()
  return row && toPrincipal(row)
}

/** Which of a list: those after the id `after`, at most `limit`. */
interface Page {
  after?: string | undefined
  limit: number
}

/** The people and workloads, in the order in which they came. */
export async function listPrincipals(handle: Handle, { after = '', limit }: Page): Promise<Principal[]> {
  const query = open(handle).selectFrom('principals').selectAll().where('kind', '!=', 'group').where('id', '>', after)
  return (await query.orderBy('id').limit(limit).execute()).map(toPrincipal)
}

function groupsOf(handle: Handle) {
  return open(handle).selectFrom('principals').where('kind', '=', 'group').where('state', '=', 'active')
}

/** The groups that are not retired, in the order in which they came. */
export async function listGroups(handle: Handle, { after = '', limit }: Page): Promise<Principal[]> {
  const query = groupsOf(handle).selectAll().where('id', '>', after)
  return (await query.orderBy('id').limit(limit).execute()).map(toPrincipal)
}

/** How many groups that somebody made by hand are not retired: their subject is their own id. */
export async function countGroupsByHand(handle: Handle): Promise<number> {
  const query = groupsOf(handle).whereRef('subject', '=', 'id')
  return (await query.select((eb) => eb.fn.countAll<number>().as('count')).executeTakeFirstOrThrow()).count
}

/**
 * The principal of this id, whom nobody changes, lets in or takes anything from in another transaction that asks so too,
 * until this one ends.
 */
export async function lockPrincipal(tx: Handle, id: string): Promise<Principal | undefined> {
  await open(tx)
    .updateTable('principals')
    .set((eb) => ({ created_at: eb.ref('created_at') }))
    .where('id', '=', id)
    .execute()
  return findPrincipal(tx, id)
}

/** Renews what is for display only. */
export async function updatePrincipalDisplay(
  handle: Handle,
  id: string,
  display: { name: string; email: string | undefined },
): Promise<void> {
  await open(handle)
    .updateTable('principals')
    .set({ name: display.name, email: display.email ?? null })
    .where('id', '=', id)
    .execute()
}

/**
 * Disables or enables a principal.
 *
 * @returns whether that changed anything.
 */
export async function updatePrincipalState(
  handle: Handle,
  id: string,
  { state, at }: { state: 'active' | 'disabled'; at: number },
): Promise<boolean> {
  const row = await open(handle)
    .updateTable('principals')
    .set({ state, disabled_at: state === 'disabled' ? at : null })
    .where('id', '=', id)
    .where('state', '!=', state)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Demands that a principal proves anew who he is, later than `after`. What was demanded before and is later stays.
 */
export async function demandSignIn(tx: Handle, id: string, after: number): Promise<void> {
  await open(tx)
    .updateTable('principals')
    .set({ sign_in_after: after })
    .where('id', '=', id)
    .where((eb) => eb.or([eb('sign_in_after', 'is', null), eb('sign_in_after', '<', after)]))
    .execute()
}

/**
 * Demands it no more, if what was demanded is that he proved who he is before `at`.
 *
 * @returns whether that was so.
 */
export async function fulfilSignIn(tx: Handle, id: string, at: number): Promise<boolean> {
  const row = await open(tx)
    .updateTable('principals')
    .set({ sign_in_after: null })
    .where('id', '=', id)
    .where('sign_in_after', '<', at)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** The ids of the principals who may administer at this time and are not disabled. */
export async function listAdministratorIds(handle: Handle, now: number): Promise<string[]> {
  const rows = await open(handle)
    .selectFrom('entitlements')
    .innerJoin('principals', 'principals.id', 'entitlements.principal_id')
    .select('principals.id')
    .distinct()
    .where('entitlements.right', '=', 'administer')
    .where('entitlements.revoked_at', 'is', null)
    .where((eb) => eb.or([eb('entitlements.ends_at', 'is', null), eb('entitlements.ends_at', '>', now)]))
    .where('principals.state', '=', 'active')
    .orderBy('principals.id')
    .execute()
  return rows.map((row) => row.id)
}

/** Says who answers for a workload from now on. */
export async function updatePrincipalOwner(handle: Handle, id: string, ownerId: string): Promise<void> {
  await open(handle).updateTable('principals').set({ owner_id: ownerId }).where('id', '=', id).execute()
}

/** The workloads, in the order in which they came, at most `limit`. */
export async function listWorkloads(handle: Handle, limit: number): Promise<Principal[]> {
  const query = open(handle).selectFrom('principals').selectAll().where('kind', '=', 'workload')
  return (await query.orderBy('id').limit(limit).execute()).map(toPrincipal)
}
