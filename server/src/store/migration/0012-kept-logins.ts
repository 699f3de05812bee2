import type { Kysely } from 'kysely'

// What a login brought from its identity provider, where the gateway asks there for tokens in the name of the person.

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('kept_logins')
    .addColumn('principal_id', 'text', (column) => column.notNull())
    .addColumn('provider', 'text', (column) => column.notNull())
    .addColumn('sign_in_id', 'text', (column) => column.notNull())
    .addColumn('sealed', 'text', (column) => column.notNull())
    .addColumn('kept_at', 'bigint', (column) => column.notNull())
    .addColumn('ends_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('kept_logins_key', ['principal_id', 'provider'])
    .execute()
}
