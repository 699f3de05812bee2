import type { Kysely } from 'kysely'

// Empty where nothing was added to the grant. Of one that was widened before nobody knows any more.
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('grants').addColumn('told', 'text').execute()
}
