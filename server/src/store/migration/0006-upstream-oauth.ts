import type { Kysely } from 'kysely'

// What a connection that was made with an authorization server needs beside its secret: what may be shown of it, and who
// renews it at the moment; and the connections that wait for an administrator to come back.

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('connections').addColumn('details', 'text').execute()
  await db.schema.alterTable('connections').addColumn('renewing_until', 'bigint').execute()
  await db.schema
    .createTable('connection_attempts')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('upstream', 'text', (column) => column.notNull())
    .addColumn('principal_id', 'text', (column) => column.notNull())
    .addColumn('browser', 'text')
    .addColumn('payload', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute()
}
