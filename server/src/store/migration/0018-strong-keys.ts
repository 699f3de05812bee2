import { type Kysely, sql } from 'kysely'

// Whether the sign-in by which an operator key was made was one that a stolen password does not make. Keys of before were not
// asked: they count as weak. And recovery codes are kept as digests: those of before, slow hashes, open nothing any more.
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('operator_keys')
    .addColumn('strong', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute()
  await sql`delete from recovery_codes`.execute(db)
}
