import { type Kysely, sql } from 'kysely'

// From when a passkey is more than a password. And recovery codes of people without a passkey go: the password alone made
// them, and beside it they counted for more.
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('passkeys')
    .addColumn('counts_at', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute()
  await sql`delete from recovery_codes where principal_id not in (select principal_id from passkeys)`.execute(db)
}
