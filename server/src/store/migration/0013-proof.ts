import type { Kysely } from 'kysely'

// Which upstreams take only tokens that are bound to a key.
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('upstreams')
    .addColumn('proof', 'text', (column) => column.notNull().defaultTo('optional'))
    .execute()
}
