import type { Kysely } from 'kysely'

// Which call used an approval, so that who repeats it can be told what became of it.
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('approvals').addColumn('call_id', 'text').execute()
  await db.schema
    .createIndex('approvals_principal_id_arguments_digest')
    .on('approvals')
    .columns(['principal_id', 'arguments_digest'])
    .execute()
}
