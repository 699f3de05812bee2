import type { Kysely } from 'kysely'

// Which identity provider vouched for a grant that nobody gave on the consent page.
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('grants').addColumn('issuer', 'text').execute()
}
