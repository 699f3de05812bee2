import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  // The session at the provider that a sign-in came out of (`sid`), so that the provider can end it.
  await db.schema.alterTable('sign_ins').addColumn('session', 'text').execute()
  await db.schema.createIndex('sign_ins_session').on('sign_ins').columns(['provider', 'session']).execute()
  // Who must prove anew who he is, later than this instant, before anything of his passes.
  await db.schema.alterTable('principals').addColumn('sign_in_after', 'bigint').execute()
  await db.schema
    .createTable('signals')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('transmitter', 'text', (column) => column.notNull())
    .addColumn('event', 'text', (column) => column.notNull())
    .addColumn('issued_at', 'bigint', (column) => column.notNull())
    .addColumn('received_at', 'bigint', (column) => column.notNull())
    .addColumn('principal_id', 'text')
    .addColumn('effect', 'text', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('signals_transmitter').on('signals').columns(['transmitter', 'id']).execute()
}
