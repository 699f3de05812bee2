import type { Effect, Trait } from '../../model/effect.ts'

/**
 * How much a word says by itself. `sure`: wherever it stands as a verb. `plain`: in a name, or where a sentence begins.
 * `noun`: the same letters are as often a thing (an order, a release), so it counts only where a verb must stand.
 */
export type Weight = 'sure' | 'plain' | 'noun'

export interface VerbRow {
  /** Base forms, separated by blanks; inflections are made from them. */
  words: string
  /** Words made from the verbs that inflection does not find. */
  also?: string
  effect: Effect
  weight: Weight
  because: string
  trait?: Trait
  /** It ends the old secret and hands out a new one. */
  renews?: true
  /** Counts in sentences only: `returns the order` looks, `return_order` does not. */
  proseOnly?: true
}

/** Verbs that say what a tool does. The gravest reading of a word wins: doubt fails closed, and an owner can lower it. */
export const verbRows: readonly VerbRow[] = [
  // Destructive, unmistakably.
  {
    words:
      'delete remove erase destroy purge wipe obliterate annihilate expunge shred nuke unlink discard trash rm del rmdir',
    also: 'deletion deletions removal removals erasure destruction',
    effect: 'destructive',
    weight: 'sure',
    because: 'takes away what exists',
  },
  {
    words: 'truncate overwrite',
    also: 'truncation',
    effect: 'destructive',
    weight: 'sure',
    because: 'loses what was there before',
  },
  {
    words: 'cancel terminate abort kill',
    also: 'cancellation cancelation termination',
    effect: 'destructive',
    weight: 'sure',
    because: 'ends what is under way',
  },
  {
    words: 'disable deactivate uninstall decommission unpublish deregister unregister deprovision',
    also: 'deactivation',
    effect: 'destructive',
    weight: 'sure',
    because: 'takes out of service what somebody may rely on',
  },
  {
    words: 'revoke invalidate',
    also: 'revocation',
    effect: 'destructive',
    weight: 'sure',
    because: 'ends access that somebody has',
    trait: 'access',
  },
  // Destructive where it stands as the verb.
  {
    words:
      'drop prune flush vacuum evict drain empty clear clean cleanup sweep reap unset detach disconnect unmount unbind unsubscribe unshare dispose raze wreck zap void forget redact anonymize anonymise scrub retract deallocate unschedule eject dismantle pop dequeue consume relinquish',
    effect: 'destructive',
    weight: 'plain',
    because: 'takes away what exists',
  },
  {
    words: 'reset rotate regenerate reissue',
    also: 'rotation',
    effect: 'destructive',
    weight: 'plain',
    because: 'what it replaces stops working',
    renews: true,
  },
  {
    words: 'complete finish finalize finalise conclude expire retire',
    also: 'completion',
    effect: 'destructive',
    weight: 'plain',
    because: 'ends what is under way, for good',
  },
  {
    words: 'end stop halt close exit hangup',
    effect: 'destructive',
    weight: 'noun',
    because: 'ends what is under way',
  },
  {
    words: 'shutdown reboot restart poweroff suspend pause hibernate cordon',
    also: 'suspension',
    effect: 'destructive',
    weight: 'plain',
    because: 'interrupts what is running',
  },
  {
    words: 'revert rollback undo restore rebase',
    effect: 'destructive',
    weight: 'plain',
    because: 'puts something else in the place of what is there now',
  },
  {
    words: 'replace',
    also: 'replacement',
    effect: 'destructive',
    weight: 'noun',
    because: 'puts something else in the place of what is there now',
  },
  {
    words: 'archive merge squash',
    effect: 'destructive',
    weight: 'noun',
    because: 'is laborious or impossible to take back',
  },
  {
    words: 'alter migrate',
    also: 'migration',
    effect: 'destructive',
    weight: 'plain',
    because: 'changes the shape of what is stored',
  },
  { words: 'toggle', effect: 'destructive', weight: 'plain', because: 'also switches off' },
  {
    words: 'ban kick expel offboard deprive demote unfriend',
    effect: 'destructive',
    weight: 'plain',
    because: 'ends access that somebody has',
    trait: 'access',
  },
  {
    words: 'block lock freeze quarantine',
    effect: 'destructive',
    weight: 'noun',
    because: 'keeps others out',
    trait: 'access',
  },
  // Money that has moved does not come back by itself.
  {
    words: 'pay purchase buy withdraw reimburse remit',
    also: 'paid bought',
    effect: 'destructive',
    weight: 'plain',
    because: 'moves money',
    trait: 'money',
  },
  {
    words: 'charge refund payout sell wire',
    effect: 'destructive',
    weight: 'noun',
    because: 'moves money',
    trait: 'money',
  },
  {
    words: 'checkout',
    effect: 'destructive',
    weight: 'noun',
    because: 'commits: a cart is paid, a working tree is replaced',
  },
  { words: 'transfer', effect: 'destructive', weight: 'noun', because: 'gives away what one has' },
  // Execution: what runs decides what happens, so nothing milder can be promised.
  {
    words: 'execute exec eval evaluate invoke shell bash spawn sudo mutate',
    also: 'execution',
    effect: 'destructive',
    weight: 'plain',
    because: 'does whatever the caller says',
    trait: 'execution',
  },
  {
    words: 'run script terminal',
    effect: 'destructive',
    weight: 'noun',
    because: 'starts what the caller names',
    trait: 'execution',
  },
  // Writes that others notice.
  {
    words: 'send publish email notify tweet broadcast announce message mail sms',
    effect: 'write',
    weight: 'noun',
    because: 'tells others',
    trait: 'outward',
  },
  {
    words: 'post share reply comment forward dial',
    effect: 'write',
    weight: 'noun',
    because: 'tells others',
    trait: 'outward',
  },
  {
    words: 'invite',
    also: 'invitation',
    effect: 'write',
    weight: 'noun',
    because: 'lets somebody in and tells them',
    trait: 'access',
  },
  {
    words: 'grant authorize authorise permit allow enroll promote impersonate unban unblock unlock onboard',
    effect: 'write',
    weight: 'plain',
    because: 'lets somebody do more',
    trait: 'access',
  },
  // Writes.
  {
    words:
      'create add insert append write modify edit upsert generate provision register configure assign unassign attach mount install rename duplicate clone',
    also: 'creation',
    effect: 'write',
    weight: 'plain',
    because: 'adds or changes something',
  },
  {
    words:
      'make put update set change save store import sync copy move fork commit push patch apply submit upload tag label mark approve accept reject decline dismiss deny confirm book schedule order subscribe start begin launch deploy release trigger enable activate resume retry rerun request upgrade scale rollout stage stash build record upload star unstar pin unpin follow unfollow like unlike join leave link watch bookmark unarchive undelete untrash unmute mute resolve capture issue manage process handle sign verify test click type press fill drag drop_file navigate draft plan queue enqueue reserve rate vote assign transition adjust increment decrement bind connect refresh reopen reply_to snooze',
    effect: 'write',
    weight: 'noun',
    because: 'adds or changes something',
  },
  // Reads.
  {
    words: 'get retrieve fetch read find describe show lookup inspect browse display obtain',
    also: 'retrieval',
    effect: 'read',
    weight: 'plain',
    because: 'only looks',
  },
  { words: 'return', effect: 'read', weight: 'noun', because: 'only looks', proseOnly: true },
  {
    words:
      'list view search query check count export download preview compare diff scan poll select summarize summarise analyze analyse explain calculate compute estimate measure validate detect translate ping echo whoami enumerate grep glob ls cat head tail stat status info history tree peek aggregate monitor',
    effect: 'read',
    weight: 'noun',
    because: 'only looks',
  },
]

/** Several words that mean one verb; the first may be inflected. */
export const phraseRows: readonly VerbRow[] = [
  {
    words:
      'get_rid take_down tear_down clean_up clean_out wipe_out throw_away blow_away clear_out drop_table drop_database find_replace search_replace move_to_trash move_to_bin mark_as_deleted',
    effect: 'destructive',
    weight: 'sure',
    because: 'takes away what exists',
  },
  {
    words: 'shut_down turn_off switch_off power_off take_offline scale_to_zero opt_out',
    effect: 'destructive',
    weight: 'sure',
    because: 'interrupts or ends what is running',
  },
  {
    words:
      'roll_back force_push fully_replace completely_replace entirely_replace fully_replaces completely_replaces entirely_replaces replace_all replace_existing replaces_existing',
    effect: 'destructive',
    weight: 'sure',
    because: 'loses what was there before',
  },
  {
    words: 'format_disk format_drive format_volume format_partition format_device',
    effect: 'destructive',
    weight: 'sure',
    because: 'loses what was there before',
  },
  {
    words:
      'call_tool call_function call_api call_endpoint call_method use_tool http_request api_request make_request graphql_mutation',
    effect: 'destructive',
    weight: 'plain',
    because: 'does whatever the caller says',
    trait: 'execution',
  },
  {
    words: 'make_public publish_to set_public share_with',
    effect: 'write',
    weight: 'plain',
    because: 'shows it to others',
    trait: 'outward',
  },
  {
    words: 'sign_up set_up log_in sign_in check_in check_out log_out sign_out',
    effect: 'write',
    weight: 'plain',
    because: 'adds or changes something',
  },
  {
    words: 'look_up look_at open_node open_file open_document open_note open_record',
    also: 'open_nodes open_files open_documents open_notes open_records',
    effect: 'read',
    weight: 'plain',
    because: 'only looks',
  },
]

/** Pasts and participles that the rules of inflection do not find. */
export const irregularPast: Readonly<Record<string, string>> = {
  send: 'sent',
  sell: 'sold',
  buy: 'bought',
  withdraw: 'withdrew withdrawn',
  write: 'wrote written',
  overwrite: 'overwrote overwritten',
  get: 'got gotten',
  find: 'found',
  make: 'made',
  undo: 'undid undone',
  freeze: 'froze frozen',
  show: 'shown',
  build: 'built',
  run: 'ran',
  begin: 'began begun',
  leave: 'left',
  rebuild: 'rebuilt',
  take: 'took taken',
  throw: 'threw thrown',
  pay: 'paid',
}

/** Methods of HTTP offered as values of an argument: the argument then is the verb. */
export const httpMethodEffects: Readonly<Record<string, Effect>> = {
  POST: 'write',
  PUT: 'destructive',
  PATCH: 'write',
  DELETE: 'destructive',
}
