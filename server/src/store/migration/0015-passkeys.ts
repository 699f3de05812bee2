import type { Kysely } from 'kysely'

// How people of this house prove who they are beside their password, what bounds the arguments of a tool
// that a client was given, and by which scopes it was.

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('passkeys')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('principal_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('public_key', 'text', (column) => column.notNull())
    .addColumn('counter', 'bigint', (column) => column.notNull())
    .addColumn('synced', 'bigint', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('used_at', 'bigint')
    .execute()
  await db.schema.createIndex('passkeys_principal_id').on('passkeys').column('principal_id').execute()
  await db.schema
    .createTable('recovery_codes')
    .addColumn('principal_id', 'text', (column) => column.notNull())
    .addColumn('place', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .addColumn('spent_at', 'bigint')
    .addPrimaryKeyConstraint('recovery_codes_key', ['principal_id', 'place'])
    .execute()
  await db.schema
    .alterTable('passwords')
    .addColumn('passkey_only', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute()
  await db.schema.alterTable('grant_tools').addColumn('limits', 'text').execute()
  await db.schema.alterTable('grants').addColumn('scope', 'text').execute()
}
