import type { Effect, Trait } from '../../model/effect.ts'

export interface NounRow {
  /** Singular nouns separated by blanks, `_` within a noun; plurals are made from them. */
  words: string
  trait: Trait
  because: string
  /** Counts only together with one of these verbs, base forms separated by blanks. */
  with?: string
  /** Does not count directly after one of these words. */
  notAfter?: string
  /** With these verbs the pair is at least as grave as this. */
  effect?: Effect
}

const handsOut =
  'create generate get retrieve fetch read list show view describe find search update edit modify set issue request add new insert register provision configure return lookup rotate reset regenerate reissue'

/**
 * Things that make an effect graver, by their names. `secret` counts for reads as well; `money`, `outward` and `access`
 * only where something changes, because looking at a role gives nobody a right.
 */
export const nounRows: readonly NounRow[] = [
  {
    words:
      'secret password passphrase passcode credential kubeconfig otp totp recovery_code backup_code connection_string cookie keystore vault_item dotenv environment_variable env_var',
    trait: 'secret',
    because: 'is a secret',
  },
  {
    words:
      'private_key signing_key api_key apikey access_key secret_key stream_key streaming_key ssh_key deploy_key encryption_key service_account_key license_key account_key host_key',
    trait: 'secret',
    because: 'is a key',
  },
  {
    words: 'token',
    trait: 'secret',
    because: 'admits whoever holds it',
    notAfter: 'page next previous prev continuation cursor sync design count counts input output prompt completion max',
  },
  {
    words: 'key',
    trait: 'secret',
    because: 'is a key when it is newly made',
    with: 'create generate issue rotate regenerate reissue',
    notAfter: 'primary foreign sort partition public index',
  },
  {
    words: 'signed_url presigned_url upload_url upload_link download_url sas_url magic_link invite_link login_link',
    trait: 'secret',
    because: 'is an address that admits whoever holds it',
  },
  {
    words: 'live_stream livestream',
    trait: 'secret',
    because: 'carries the stream key, which lets its holder broadcast',
    with: handsOut,
  },
  {
    words: 'upload direct_upload',
    trait: 'secret',
    because: 'carries the address to which anybody may upload',
    with: handsOut,
  },
  {
    words: 'payment refund charge payout transfer purchase',
    trait: 'money',
    because: 'is money that moves',
    with: 'create make issue initiate capture confirm process submit execute send approve complete',
    effect: 'destructive',
  },
  {
    words:
      'payment refund charge payout invoice subscription billing price coupon credit_note balance credit_card money fund wallet bank_account dispute payroll discount order_payment plan_price',
    trait: 'money',
    because: 'is about money',
  },
  {
    words:
      'webhook simulcast simulcast_target newsletter campaign press_release public_link share_link shared_link announcement email sms tweet',
    trait: 'outward',
    because: 'reaches others',
  },
  {
    words:
      'role permission policy acl grant entitlement scope member membership collaborator owner ownership admin access privilege user_group team_member service_account api_key token deploy_key ssh_key signing_key password firewall_rule security_group allowlist whitelist blocklist iam mfa sso rolebinding role_binding clusterrole visibility playback_id playback_restriction referrer branch_protection guest seat identity',
    trait: 'access',
    because: 'decides who may do what',
    notAfter: 'retention cache lifecycle replacement retry',
  },
]

/** Names of arguments in which the caller says what runs. */
export const codeArguments = {
  because: 'takes text that is run',
  /** For any tool. */
  always: [
    'script',
    'sql',
    'command',
    'cmd',
    'shell',
    'bash',
    'javascript',
    'typescript',
    'python',
    'sql_query',
    'raw_query',
    'raw_sql',
    'statement',
    'statements',
    'shell_command',
    'source_code',
    'program',
  ],
  /** Only where the text does not otherwise say that it looks: a country has a code too. */
  unlessReading: ['code', 'function', 'expression', 'args', 'argv', 'snippet'],
} as const

/** Names of arguments that are a verb with a choice: the tool is as grave as the gravest of its values. */
export const actionArguments = [
  'action',
  'operation',
  'op',
  'command',
  'method',
  'http_method',
  'verb',
  'mode',
  'subcommand',
  'sub_command',
  'task',
  'do',
  'request_type',
  'operation_type',
  'action_type',
  'tool',
  'tool_name',
]

/** Names of arguments that say to whom something goes. */
export const recipientArguments = [
  'cc',
  'bcc',
  'recipient',
  'recipients',
  'email_to',
  'callback_url',
  'webhook_url',
  'notify_url',
  'phone_number',
  'recipient_email',
]

/** Names of switches that lift a safeguard. */
export const safeguardArguments = [
  'force',
  'cascade',
  'overwrite',
  'hard_delete',
  'permanent',
  'permanently',
  'purge',
  'allow_destructive',
  'skip_trash',
  'no_preserve',
  'prune',
  'dangerously',
  'destructive',
]
