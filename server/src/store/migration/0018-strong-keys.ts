import type { Kysely } from 'kysely'

// Whether the sign-in by which an operator key was made was one that a stolen password does not make. Keys of before were not
// asked: they count as weak.
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('operator_keys')
    .addColumn('strong', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute()
}
