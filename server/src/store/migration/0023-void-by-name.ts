import { type Kysely, sql } from 'kysely'
import { digestOf } from '../../base/ids.ts'

// What is void in somebody's name was kept under the id that he has here, and is now kept under his name at the provider. It
// counts for 25 hours: who was logged out just before comes in no more by what was begun before that.
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ id: string; until: number; issuer: string; subject: string }>`
    select spent.id, spent.expires_at as until, principals.issuer, principals.subject
    from spent join principals on principals.id = spent.id where spent.purpose = 'vouched-before'`.execute(db)
  for (const { id, until, issuer, subject } of rows) {
    const name = digestOf(JSON.stringify([issuer, 'subject', subject]))
    await sql`insert into spent (purpose, id, expires_at) values ('vouched-before', ${name}, ${until})
      on conflict (purpose, id) do update set expires_at = excluded.expires_at
      where spent.expires_at < excluded.expires_at`.execute(db)
    await sql`delete from spent where purpose = 'vouched-before' and id = ${id}`.execute(db)
  }
}
