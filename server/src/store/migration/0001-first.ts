import { type CreateTableBuilder, type Kysely, sql } from 'kysely'

type Builder = CreateTableBuilder<string, string>

/** Column lists as text: `name type?` where the type is `t` (text), `n` (64-bit integer); a `?` allows null, `!` is the primary key. */
function columns(builder: Builder, list: string): Builder {
  let next = builder
  for (const item of list.trim().split(/\s+/)) {
    const [name, type] = item.split(':') as [string, string]
    next = next.addColumn(name, type.startsWith('n') ? 'bigint' : 'text', (column) => {
      if (type.endsWith('!')) return column.primaryKey()
      return type.endsWith('?') ? column : column.notNull()
    })
  }
  return next
}

const tables: Record<string, { columns: string; key?: string[]; unique?: string[][] }> = {
  settings: { columns: 'name:t! value:t' },
  counters: { columns: 'name:t! value:n' },
  revisions: { columns: 'revision:n! at:n about:t' },
  instances: { columns: 'id:t! started_at:n seen_at:n' },
  principals: {
    columns: 'id:t! issuer:t subject:t kind:t name:t email:t? state:t created_at:n disabled_at:n?',
    unique: [['issuer', 'subject']],
  },
  passwords: { columns: 'principal_id:t! login:t hash:t changed_at:n', unique: [['login']] },
  sign_ins: { columns: 'id:t! principal_id:t provider:t created_at:n expires_at:n' },
  login_attempts: { columns: 'id:t! provider:t browser:t payload:t return_to:t expires_at:n' },
  one_time_links: { columns: 'id:t! purpose:t payload:t created_by:t? created_at:n expires_at:n used_at:n?' },
  operator_keys: { columns: 'id:t! principal_id:t label:t created_at:n expires_at:n revoked_at:n?' },
  upstreams: {
    columns:
      'name:t! kind:t launch:t purpose:t owner_id:t? state:t proposed_by:t? ceiling:t created_at:n changed_at:n learnt:t? probed_at:n? probe_error:t?',
  },
  tools: {
    columns:
      'upstream:t name:t position:n live_definition:t? live_digest:t? seen_at:n pinned_definition:t? pinned_digest:t? pinned_by:t? pinned_at:n? effect:t traits:t because:t effect_set_by:t? effect_reason:t? owner_id:t? allowed_arguments:t withdrawn_at:n?',
    key: ['upstream', 'name'],
  },
  connections: {
    columns: 'id:t! upstream:t principal_id:t? placement:t names:t sealed:t created_by:t created_at:n revoked_at:n?',
  },
  entitlements: {
    columns:
      'id:t! principal_id:t right:t upstream:t tool:t granted_by:t? reason:t created_at:n ends_at:n? revoked_at:n?',
  },
  clients: {
    columns:
      'id:t! source:t name:t metadata:t sealed_secret:t? state:t created_at:n used_at:n? checked_at:n? fresh_until:n?',
  },
  grants: {
    columns: 'id:t! principal_id:t client_id:t upstream:t created_at:n ends_at:n revoked_at:n? revoked_because:t?',
  },
  grant_tools: { columns: 'grant_id:t tool:t digest:t', key: ['grant_id', 'tool'] },
  protocol_records: {
    columns: 'key:t! model:t payload:t grant_id:t? uid:t? user_code:t? consumed_at:n? expires_at:n?',
  },
  approvals: {
    columns:
      'id:t! principal_id:t client_id:t grant_id:t upstream:t tool:t tool_digest:t arguments_digest:t arguments_sealed:t state:t requested_at:n expires_at:n answered_by:t? answered_at:n? reason:t? spent_at:n? pending_key:t?',
    // At most one pending approval of the same call: the key is set while it is pending and null afterwards.
    unique: [['pending_key']],
  },
  signing_keys: { columns: 'id:t! purpose:t algorithm:t public_key:t sealed:t created_at:n retired_at:n?' },
  entries: { columns: 'seq:n! kind:t at:n call_id:t? leaf:t' },
  checkpoints: { columns: 'size:n! at:n note:t frontier:t' },
}

const indexes: [table: string, columns: string[]][] = [
  ['entries', ['call_id']],
  ['entitlements', ['principal_id', 'upstream']],
  ['grants', ['principal_id']],
  ['grants', ['client_id']],
  ['grants', ['upstream']],
  ['approvals', ['grant_id', 'tool', 'arguments_digest']],
  ['approvals', ['state', 'expires_at']],
  ['approvals', ['principal_id', 'requested_at']],
  ['protocol_records', ['grant_id']],
  ['protocol_records', ['uid']],
  ['protocol_records', ['expires_at']],
  ['sign_ins', ['principal_id']],
  ['connections', ['upstream']],
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const [name, table] of Object.entries(tables)) {
    let builder = columns(db.schema.createTable(name) as Builder, table.columns)
    if (table.key) builder = builder.addPrimaryKeyConstraint(`${name}_key`, table.key)
    for (const unique of table.unique ?? []) {
      builder = builder.addUniqueConstraint(`${name}_${unique.join('_')}_unique`, unique)
    }
    await builder.execute()
  }
  for (const [table, list] of indexes) {
    await db.schema
      .createIndex(`${table}_${list.join('_')}`)
      .on(table)
      .columns(list)
      .execute()
  }
  await sql`insert into counters (name, value) values ('revision', 0), ('entries', 0), ('settled', 0)`.execute(db)
}
