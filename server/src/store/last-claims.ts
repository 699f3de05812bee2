import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/** What a provider said of somebody at his last sign-in, sealed. */
export interface LastClaims {
  principalId: string
  provider: string
  sealed: string
  at: number
}

/** Keeps what was said last, in place of what was said before. */
export async function keepLastClaims(handle: Handle, said: LastClaims): Promise<void> {
  const values = { provider: said.provider, sealed: said.sealed, at: said.at }
  await open(handle)
    .insertInto('last_claims')
    .values({ principal_id: said.principalId, ...values })
    .onConflict((conflict) => conflict.column('principal_id').doUpdateSet(values))
    .execute()
}

/** What was said last of a principal. */
export async function findLastClaims(handle: Handle, principalId: string): Promise<LastClaims | undefined> {
  const row = await open(handle)
    .selectFrom('last_claims')
    .selectAll()
    .where('principal_id', '=', principalId)
    .executeTakeFirst()
  return row && { principalId: row.principal_id, provider: row.provider, sealed: row.sealed, at: row.at }
}
