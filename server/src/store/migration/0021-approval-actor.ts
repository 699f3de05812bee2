import type { Kysely } from 'kysely'

// Who acts for who asked: empty where he does himself. What was asked for before is taken for that.
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('approvals')
    .addColumn('actor', 'text', (column) => column.notNull().defaultTo(''))
    .execute()
}
