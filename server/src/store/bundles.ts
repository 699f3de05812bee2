import type { Selectable } from 'kysely'
import type { Bundle, BundleMember } from '../model/bundle.ts'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

function toBundle(row: Selectable<Tables['bundles']>): Bundle {
  return {
    name: row.name,
    purpose: row.purpose,
    ownerId: row.owner_id ?? undefined,
    members: JSON.parse(row.members) as BundleMember[],
    state: row.state as Bundle['state'],
    createdAt: row.created_at,
    changedAt: row.changed_at,
  }
}

/**
 * Stores a new bundle.
 *
 * @returns whether the name was free among the bundles; it stays taken for ever.
 */
export async function insertBundle(handle: Handle, bundle: Bundle): Promise<boolean> {
  const result = await open(handle)
    .insertInto('bundles')
    .values({
      name: bundle.name,
      purpose: bundle.purpose,
      owner_id: bundle.ownerId ?? null,
      members: JSON.stringify(bundle.members),
      state: bundle.state,
      created_at: bundle.createdAt,
      changed_at: bundle.changedAt,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

/** The bundle of this name, retired or not. */
export async function findBundle(handle: Handle, name: string): Promise<Bundle | undefined> {
  const row = await open(handle).selectFrom('bundles').selectAll().where('name', '=', name).executeTakeFirst()
  return row && toBundle(row)
}

/** All bundles, by name. */
export async function listBundles(handle: Handle): Promise<Bundle[]> {
  const rows = await open(handle).selectFrom('bundles').selectAll().orderBy('name').execute()
  return rows.map(toBundle)
}

/**
 * Changes a bundle that serves.
 *
 * @returns whether there was one that serves.
 */
export async function updateBundle(
  tx: Handle,
  name: string,
  change: Partial<Pick<Bundle, 'purpose' | 'ownerId' | 'members' | 'state'>> & { changedAt: number },
): Promise<boolean> {
  const result = await open(tx)
    .updateTable('bundles')
    .set({
      changed_at: change.changedAt,
      ...(change.purpose !== undefined && { purpose: change.purpose }),
      ...(change.ownerId !== undefined && { owner_id: change.ownerId }),
      ...(change.members !== undefined && { members: JSON.stringify(change.members) }),
      ...(change.state !== undefined && { state: change.state }),
    })
    .where('name', '=', name)
    .where('state', '=', 'serving')
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}
