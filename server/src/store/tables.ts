/**
 * The tables, column by column: text ids, epoch milliseconds (`…_at`), JSON as text that we read and write, 0/1 integers.
 * Never bind a `Date`: node:sqlite stores NULL for it without a word.
 */
export interface Tables {
  settings: { name: string; value: string }
  counters: { name: string; value: number }
  revisions: { revision: number; at: number; about: string }
  instances: { id: string; started_at: number; seen_at: number }

  principals: {
    id: string
    issuer: string
    subject: string
    kind: string
    name: string
    email: string | null
    state: string
    created_at: number
    disabled_at: number | null
    sign_in_after: number | null
    owner_id: string | null
  }
  memberships: { group_id: string; member_id: string; source: string; created_at: number }
  group_rules: {
    id: string
    provider: string
    match: string
    value: string
    group_id: string
    created_by: string
    created_at: number
  }
  /** What a provider said at the last sign-in, for who sets up the mapping. */
  last_claims: { principal_id: string; provider: string; sealed: string; at: number }
  signals: {
    id: string
    transmitter: string
    event: string
    issued_at: number
    received_at: number
    principal_id: string | null
    effect: string
  }
  passwords: { principal_id: string; login: string; hash: string; changed_at: number; passkey_only: number }
  passkeys: {
    id: string
    principal_id: string
    name: string
    public_key: string
    counter: number
    synced: number
    created_at: number
    used_at: number | null
    counts_at: number
  }
  recovery_codes: { principal_id: string; place: string; hash: string; spent_at: number | null }
  /** The people and groups that identity providers keep here; `id` is that of the principal. */
  provisioned: {
    id: string
    provider: string
    kind: string
    /** The folded name; of what the provider deleted, something that is no name. Unique among those of a provider. */
    name_key: string
    external_id: string | null
    resource: string
    active: number
    /** Whether the principal is disabled because the provider says so, and for no other reason. */
    ended: number
    version: number
    created_at: number
    changed_at: number
    deleted_at: number | null
  }
  provisioner_keys: {
    id: string
    provider: string
    label: string
    created_by: string
    created_at: number
    expires_at: number
    revoked_at: number | null
  }
  sign_ins: {
    id: string
    principal_id: string
    provider: string
    created_at: number
    expires_at: number
    login: string | null
    session: string | null
  }
  kept_logins: {
    principal_id: string
    provider: string
    sign_in_id: string
    sealed: string
    kept_at: number
    ends_at: number
  }
  login_attempts: {
    id: string
    provider: string
    browser: string
    payload: string
    return_to: string
    expires_at: number
  }
  one_time_links: {
    id: string
    purpose: string
    payload: string
    created_by: string | null
    created_at: number
    expires_at: number
    used_at: number | null
  }
  operator_keys: {
    id: string
    principal_id: string
    label: string
    created_at: number
    expires_at: number
    revoked_at: number | null
    strong: number
  }

  upstreams: {
    name: string
    kind: string
    launch: string
    purpose: string
    owner_id: string | null
    state: string
    proposed_by: string | null
    ceiling: string
    proof: string
    created_at: number
    changed_at: number
    learnt: string | null
    probed_at: number | null
    probe_error: string | null
  }
  /** The OpenAPI document of an upstream, where it came with the proposal. */
  api_documents: { upstream: string; digest: string; text: string }
  bundles: {
    name: string
    purpose: string
    owner_id: string | null
    members: string
    state: string
    created_at: number
    changed_at: number
  }
  tools: {
    upstream: string
    name: string
    position: number
    live_definition: string | null
    live_digest: string | null
    seen_at: number
    pinned_definition: string | null
    pinned_digest: string | null
    pinned_by: string | null
    pinned_at: number | null
    effect: string
    traits: string
    because: string
    effect_set_by: string | null
    effect_reason: string | null
    owner_id: string | null
    allowed_arguments: string
    withdrawn_at: number | null
  }
  connections: {
    id: string
    upstream: string
    principal_id: string | null
    placement: string
    names: string
    sealed: string
    details: string | null
    renewing_until: number | null
    created_by: string
    created_at: number
    revoked_at: number | null
  }
  revoked_tokens: {
    id: string
    upstream: string
    principal_id: string | null
    sealed: string
    claimed_until: number | null
  }
  connection_attempts: {
    id: string
    upstream: string
    principal_id: string
    browser: string | null
    payload: string
    expires_at: number
  }
  entitlements: {
    id: string
    principal_id: string
    right: string
    upstream: string
    tool: string
    granted_by: string | null
    reason: string
    created_at: number
    ends_at: number | null
    revoked_at: number | null
    login: string | null
  }

  clients: {
    id: string
    source: string
    name: string
    metadata: string
    sealed_secret: string | null
    state: string
    created_at: number
    used_at: number | null
    checked_at: number | null
    fresh_until: number | null
    owner_id: string | null
    asked_by: string | null
    /** Digest of the secret that it was given; `sealed_secret` is of versions that kept the secret itself. */
    secret_hash: string | null
    /** JSON: by what its document is asked for again, and for how long it stands in for a silent host. */
    caching: string | null
    first_used_at: number | null
  }
  grants: {
    id: string
    principal_id: string
    client_id: string
    upstream: string
    created_at: number
    ends_at: number
    revoked_at: number | null
    revoked_because: string | null
    issuer: string | null
    login: string | null
    /** Digest of what the client said of itself when it was given. */
    client_digest: string | null
    /** What the client is told that it was given, where it asked for more than `mcp`. */
    scope: string | null
    /** What it was told at first, where more was added since. */
    told: string | null
  }
  grant_tools: { grant_id: string; tool: string; digest: string; limits: string | null }
  protocol_records: {
    key: string
    model: string
    payload: string
    grant_id: string | null
    uid: string | null
    user_code: string | null
    consumed_at: number | null
    expires_at: number | null
  }

  approvals: {
    id: string
    principal_id: string
    client_id: string
    grant_id: string
    upstream: string
    tool: string
    tool_digest: string
    arguments_digest: string
    arguments_sealed: string
    state: string
    requested_at: number
    expires_at: number
    answered_by: string | null
    answered_at: number | null
    reason: string | null
    spent_at: number | null
    call_id: string | null
    /** Digest of the bound call while the approval is pending, else null; unique. */
    pending_key: string | null
    /** Empty where nobody acts for the principal. */
    actor: string
  }

  /** What is good for one use and was used, or was ended before its time. */
  rates: { name: string; key: string; taken: number; resets_at: number }
  spent: { purpose: string; id: string; expires_at: number }

  signing_keys: {
    id: string
    purpose: string
    algorithm: string
    public_key: string
    sealed: string
    created_at: number
    retired_at: number | null
  }
  entries: {
    seq: number
    kind: string
    at: number
    call_id: string | null
    leaf: string
  }
  checkpoints: { size: number; at: number; note: string; frontier: string }
}
