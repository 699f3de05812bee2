import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('memberships')
    .addColumn('group_id', 'text', (column) => column.notNull())
    .addColumn('member_id', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('memberships_key', ['group_id', 'member_id', 'source'])
    .execute()
  await db.schema.createIndex('memberships_member_id').on('memberships').column('member_id').execute()
  await db.schema
    .createTable('group_rules')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('provider', 'text', (column) => column.notNull())
    .addColumn('match', 'text', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .addColumn('group_id', 'text', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addUniqueConstraint('group_rules_unique', ['provider', 'match', 'value', 'group_id'])
    .execute()
  await db.schema
    .createTable('last_claims')
    .addColumn('principal_id', 'text', (column) => column.primaryKey())
    .addColumn('provider', 'text', (column) => column.notNull())
    .addColumn('sealed', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .execute()
  // How and when the person proved who he is; what an entitlement demands of that.
  for (const table of ['sign_ins', 'grants', 'entitlements']) {
    await db.schema.alterTable(table).addColumn('login', 'text').execute()
  }
}
