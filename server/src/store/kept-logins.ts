import type { Selectable } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** What a principal's newest login at an identity provider brought, sealed. It ends with the sign-in that it came by. */
export interface KeptLogin {
  principalId: string
  provider: string
  signInId: string
  sealed: string
  keptAt: number
  endsAt: number
}

/** Keeps what a login brought in the place of what the principal's last one there did, and forgets what has ended. */
export async function putKeptLogin(handle: Handle, login: KeptLogin): Promise<void> {
  await open(handle).deleteFrom('kept_logins').where('ends_at', '<=', login.keptAt).execute()
  const row = {
    sign_in_id: login.signInId,
    sealed: login.sealed,
    kept_at: login.keptAt,
    ends_at: login.endsAt,
  }
  await open(handle)
    .insertInto('kept_logins')
    .values({ principal_id: login.principalId, provider: login.provider, ...row })
    .onConflict((conflict) => conflict.columns(['principal_id', 'provider']).doUpdateSet(row))
    .execute()
}

/** What is kept of a principal's login at a provider, if it has not ended. */
export async function findKeptLogin(
  handle: Handle,
  { principalId, provider, now }: { principalId: string; provider: string; now: number },
): Promise<KeptLogin | undefined> {
  const row = await open(handle)
    .selectFrom('kept_logins')
    .selectAll()
    .where('principal_id', '=', principalId)
    .where('provider', '=', provider)
    .where('ends_at', '>', now)
    .executeTakeFirst()
  return row && toKeptLogin(row)
}

/** Puts what the provider gave in exchange in the place of what it was given for. False if that is gone. */
export async function replaceKeptLogin(handle: Handle, from: KeptLogin, sealed: string): Promise<boolean> {
  const row = await open(handle)
    .updateTable('kept_logins')
    .set({ sealed })
    .where('principal_id', '=', from.principalId)
    .where('provider', '=', from.provider)
    .where('sealed', '=', from.sealed)
    .returning('provider')
    .executeTakeFirst()
  return row !== undefined
}

/** Forgets what was kept, unless another login has taken its place. */
export async function deleteKeptLogin(handle: Handle, { principalId, provider, sealed }: KeptLogin): Promise<void> {
  await open(handle)
    .deleteFrom('kept_logins')
    .where('principal_id', '=', principalId)
    .where('provider', '=', provider)
    .where('sealed', '=', sealed)
    .execute()
}

function toKeptLogin(row: Selectable<Tables['kept_logins']>): KeptLogin {
  return {
    principalId: row.principal_id,
    provider: row.provider,
    signInId: row.sign_in_id,
    sealed: row.sealed,
    keptAt: row.kept_at,
    endsAt: row.ends_at,
  }
}
