import type { Kysely } from 'kysely'

// Who answers for a machine.
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('principals').addColumn('owner_id', 'text').execute()
}
