import { type Kysely, PostgresAdapter, sql } from 'kysely'

/**
 * On PostgreSQL a batch of the ledger is one question to the server. It is a function, because each statement in it sees
 * what was committed while the one before waited for the counter's row: the outcomes that another replica has given, and
 * the newest revision.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  if (!(db.getExecutor().adapter instanceof PostgresAdapter)) return
  await sql`
    create function append_entries(
      kinds text[], instants bigint[], call_ids text[], leaves text[],
      out first_seq bigint, out left_out integer[], out revision_now bigint
    ) language plpgsql volatile as $$
    declare
      superfluous integer;
    begin
      update counters set value = value + cardinality(kinds) where name = 'entries'
        returning value - cardinality(kinds) into first_seq;
      select coalesce(array_agg(i::integer), '{}') into left_out
        from unnest(kinds, call_ids) with ordinality as new (kind, call_id, i)
        where new.kind = 'outcome' and exists
          (select from entries where entries.call_id = new.call_id and entries.kind = 'outcome');
      insert into entries (seq, kind, at, call_id, leaf)
        select first_seq - 1 + row_number() over (order by i), kind, at, call_id, leaf
        from unnest(kinds, instants, call_ids, leaves) with ordinality as new (kind, at, call_id, leaf, i)
        where i <> all (left_out);
      superfluous := cardinality(left_out);
      if superfluous > 0 then
        update counters set value = value - superfluous where name = 'entries';
      end if;
      select value into revision_now from counters where name = 'revision';
    end
    $$`.execute(db)
}
