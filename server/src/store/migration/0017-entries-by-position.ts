import { type Kysely, SqliteAdapter, sql } from 'kysely'

/**
 * On SQLite a column is the row's own number only where its type is `integer`: as `bigint` the position of an entry had an
 * index beside the table, which every call wrote to twice. The entries stay what they are.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  if (!(db.getExecutor().adapter instanceof SqliteAdapter)) return
  await sql`
    create table entries_by_position (
      seq integer primary key not null, kind text not null, at bigint not null, call_id text, leaf text not null
    )`.execute(db)
  await sql`insert into entries_by_position select seq, kind, at, call_id, leaf from entries order by seq`.execute(db)
  await sql`drop table entries`.execute(db)
  await sql`alter table entries_by_position rename to entries`.execute(db)
  await sql`create index entries_call_id on entries (call_id)`.execute(db)
}
