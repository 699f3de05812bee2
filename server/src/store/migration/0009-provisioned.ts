import type { Kysely } from 'kysely'

// The people and groups that identity providers keep here, and the keys that they do it with.
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('provisioned')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('provider', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('name_key', 'text', (column) => column.notNull())
    .addColumn('external_id', 'text')
    .addColumn('resource', 'text', (column) => column.notNull())
    .addColumn('active', 'bigint', (column) => column.notNull())
    .addColumn('ended', 'bigint', (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('changed_at', 'bigint', (column) => column.notNull())
    .addColumn('deleted_at', 'bigint')
    .addUniqueConstraint('provisioned_name_unique', ['provider', 'kind', 'name_key'])
    .execute()
  await db.schema
    .createIndex('provisioned_external_id')
    .on('provisioned')
    .columns(['provider', 'kind', 'external_id'])
    .execute()
  await db.schema
    .createTable('provisioner_keys')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('provider', 'text', (column) => column.notNull())
    .addColumn('label', 'text', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('revoked_at', 'bigint')
    .execute()
}
