import type { Selectable } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** A link that makes a principal, or sets the password of one anew, once. */
export interface OneTimeLink {
  /** The digest of the link's secret. */
  id: string
  purpose: 'first-administrator' | 'invitation' | 'reset'
  /** JSON. */
  payload: string
  createdBy: string | undefined
  createdAt: number
  expiresAt: number
  usedAt: number | undefined
}

function toLink(row: Selectable<Tables['one_time_links']>): OneTimeLink {
  return {
    id: row.id,
    purpose: row.purpose as OneTimeLink['purpose'],
    payload: row.payload,
    createdBy: row.created_by ?? undefined,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    usedAt: row.used_at ?? undefined,
  }
}

/** Stores a link. */
export async function insertOneTimeLink(handle: Handle, link: OneTimeLink): Promise<void> {
  await open(handle)
    .insertInto('one_time_links')
    .values({
      id: link.id,
      purpose: link.purpose,
      payload: link.payload,
      created_by: link.createdBy ?? null,
      created_at: link.createdAt,
      expires_at: link.expiresAt,
      used_at: link.usedAt ?? null,
    })
    .execute()
}

/** The link with this id if it is neither used nor expired. */
export async function findOpenLink(handle: Handle, id: string, now: number): Promise<OneTimeLink | undefined> {
  const row = await open(handle)
    .selectFrom('one_time_links')
    .selectAll()
    .where('id', '=', id)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row && toLink(row)
}

/** Spends a link: of any number of callers exactly one gets it. */
export async function spendLink(handle: Handle, id: string, now: number): Promise<OneTimeLink | undefined> {
  const row = await open(handle)
    .updateTable('one_time_links')
    .set({ used_at: now })
    .where('id', '=', id)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .returningAll()
    .executeTakeFirst()
  return row && toLink(row)
}

/** Ends the open invitations of a principal who may invite no more. */
export async function endLinksBy(handle: Handle, createdBy: string, now: number): Promise<void> {
  await open(handle)
    .updateTable('one_time_links')
    .set({ expires_at: now })
    .where('created_by', '=', createdBy)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .execute()
}

/** Ends the open links that are meant for the same. */
export async function endLinksFor(
  handle: Handle,
  { purpose, payload }: Pick<OneTimeLink, 'purpose' | 'payload'>,
  now: number,
): Promise<void> {
  await open(handle)
    .updateTable('one_time_links')
    .set({ expires_at: now })
    .where('purpose', '=', purpose)
    .where('payload', '=', payload)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .execute()
}
