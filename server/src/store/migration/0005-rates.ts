import type { Kysely } from 'kysely'

// How often something was tried, for limits that hold across replicas.
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('rates')
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('taken', 'bigint', (column) => column.notNull())
    .addColumn('resets_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('rates_key', ['name', 'key'])
    .execute()
  await db.schema.createIndex('rates_resets_at').on('rates').columns(['resets_at']).execute()
}
