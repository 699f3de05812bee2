import type { Kysely } from 'kysely'

// Who admitted clients belong to, and who asked for them; by what their documents are asked for again; and what each grant
// consented to of its client.
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const name of ['owner_id', 'asked_by', 'secret_hash', 'caching'] as const) {
    await db.schema.alterTable('clients').addColumn(name, 'text').execute()
  }
  await db.schema.alterTable('clients').addColumn('first_used_at', 'bigint').execute()
  await db.schema.alterTable('grants').addColumn('client_digest', 'text').execute()
}
