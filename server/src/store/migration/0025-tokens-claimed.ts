import type { Kysely } from 'kysely'

// Until when somebody has claimed to give the tokens of a removed connection back.
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('revoked_tokens').addColumn('claimed_until', 'bigint').execute()
}
