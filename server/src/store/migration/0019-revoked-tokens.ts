import type { Kysely } from 'kysely'

// What a removed connection sealed, until it has been given back to the authorization server that it came from.

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('revoked_tokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('upstream', 'text', (column) => column.notNull())
    .addColumn('principal_id', 'text')
    .addColumn('sealed', 'text', (column) => column.notNull())
    .execute()
}
