import type { Kysely } from 'kysely'

// OpenAPI documents that came with a proposal; those of the configuration lie where it says.
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('api_documents')
    .addColumn('upstream', 'text', (column) => column.primaryKey())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('text', 'text', (column) => column.notNull())
    .execute()
}
