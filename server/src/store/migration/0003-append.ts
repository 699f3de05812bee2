import { type Kysely, PostgresAdapter, sql } from 'kysely'

/**
 * On PostgreSQL a batch of the ledger is one question to the server. It is a function, because each statement in it sees
 * what was committed while the one before waited for the counter's row: the outcomes that another replica has given, and
 * the newest revision. Columns come as lines: no leaf has a line break, and quoting lists costs more.
 *
 * Its plans are made while the ledger is empty and kept when it is not: so it is told to take the index.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  if (!(db.getExecutor().adapter instanceof PostgresAdapter)) return
  await sql`
    create function append_entries(
      kinds text, instants text, call_ids text, leaves text,
      out first_seq bigint, out left_out integer[], out revision_now bigint
    ) language plpgsql volatile set enable_seqscan = off as $$
    declare
      kind_list text[] := string_to_array(kinds, chr(10));
      call_list text[] := string_to_array(call_ids, chr(10));
      superfluous integer;
    begin
      update counters set value = value + cardinality(kind_list) where name = 'entries'
        returning value - cardinality(kind_list) into first_seq;
      select coalesce(array_agg(i::integer), '{}') into left_out
        from unnest(kind_list, call_list) with ordinality as new (kind, call_id, i)
        where new.kind = 'outcome' and
          (select true from entries where entries.call_id = new.call_id and entries.kind = 'outcome' limit 1);
      insert into entries (seq, kind, at, call_id, leaf)
        select first_seq - 1 + row_number() over (order by i), kind, at, nullif(call_id, ''), leaf
        from unnest(
          kind_list, string_to_array(instants, chr(10))::bigint[], call_list, string_to_array(leaves, chr(10))
        ) with ordinality as new (kind, at, call_id, leaf, i)
        where i <> all (left_out);
      superfluous := cardinality(left_out);
      if superfluous > 0 then
        update counters set value = value - superfluous where name = 'entries';
      end if;
      select value into revision_now from counters where name = 'revision';
    end
    $$`.execute(db)
}
