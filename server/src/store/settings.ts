import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/** The value of a setting, or undefined if it was never set. */
export async function findSetting(handle: Handle, name: string): Promise<string | undefined> {
  const row = await open(handle).selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst()
  return row?.value
}

/**
 * Sets a setting that is not set yet, and leaves one that is. Of several processes that do so at once, one wins.
 *
 * @returns the value that holds now, which may be another's.
 */
export async function insertSetting(handle: Handle, name: string, value: string): Promise<string> {
  await open(handle)
    .insertInto('settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute()
  return (await findSetting(handle, name))!
}

/** Sets a setting, whatever it was. */
export async function updateSetting(handle: Handle, name: string, value: string): Promise<void> {
  await open(handle)
    .insertInto('settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute()
}
