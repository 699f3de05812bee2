/** What is said after something was done. Pages take only a key of this list from the address, never a text. */
export const flashes = {
  'approval-approved': 'Approved. The client may make this call once, within ten minutes.',
  'approval-denied': 'Denied. The client is told so when it asks again.',
  'argument-allowed': 'The argument is allowed.',
  'bundle-changed': 'The bundle is changed.',
  'bundle-made': 'The bundle is made. Clients can connect to its address.',
  'bundle-retired': 'The bundle is retired, with all grants of its address.',
  'ceiling-set': 'The ceiling is set.',
  'proof-set': 'It is set which tokens it takes.',
  'client-admitted': 'The client is admitted. Its people can connect it.',
  'client-refused': 'The client is refused, with all grants to it.',
  'client-revoked': 'The client is revoked, with all grants to it.',
  'connection-made': 'Connected. Your calls go out with this authorization from now on.',
  'connection-removed': 'Removed. Calls in your name are refused until you connect it again.',
  'credential-put': 'The credential is sealed and in use.',
  'credential-revoked': 'The credential is revoked and forgotten.',
  'document-replaced': 'The document is replaced. Tools that it changes are withheld until they are accepted.',
  'effect-set': 'The effect is set.',
  'entitlement-given': 'The right is given.',
  'entitlement-held': 'Nothing to give: every one of these rights is held already.',
  'entitlement-revoked': 'The right is revoked.',
  'grant-given': 'The grant is given. The machine can get tokens under it now.',
  'grant-widened': 'Added. The program may use it from its next call on.',
  'grant-revoked': 'The grant is revoked. Its tokens are refused from now on.',
  'group-made': 'The group is made. Give it rights, and put somebody in.',
  'group-retired': 'The group is retired. Nobody has anything through it any more.',
  'keys-rotated': 'A new key for access tokens is made. The ledger says from when it signs.',
  'login-demanded': 'What is demanded of the login is changed.',
  'login-renewed': 'Done: the program may go on. Let it make the call again.',
  'member-added': 'Put in. The member has the rights of the group from now on.',
  'member-removed': 'Taken out. What was held through the group has ended.',
  'machine-made': 'The machine is made. Give it rights, then a grant.',
  'method-declared': 'The method is declared. Who is given the right to it may call it.',
  'owner-set': 'The owner is set.',
  'principal-disabled': 'Disabled. Sign-ins, keys and grants have ended.',
  'principal-enabled': 'Enabled. What was revoked stays revoked.',
  'rule-added': 'The rule is made. It acts at the next sign-in of each person.',
  'rule-removed': 'The rule is removed, and what may have come of it has ended.',
  'provisioner-key-revoked': 'The key is revoked. It is refused from now on.',
  'tool-withdrawn': 'The tool is withdrawn. Calls of it are refused from now on.',
  'tools-accepted': 'Accepted. Exactly these definitions are served from now on.',
  'upstream-connected': 'Connected. Calls go out with this authorization from now on.',
  'upstream-looked': 'The upstream was asked: what came of it is below.',
  'upstream-proposed': 'Proposed. It serves nothing until somebody else has approved it.',
  'upstream-stepped': 'The upstream has taken this step.',
} as const

/** A key of the list. */
export type Flash = keyof typeof flashes

/** The line for a key, or nothing for whatever else stands in an address. */
export function flashLine(key: string | null): string | undefined {
  return key !== null && Object.hasOwn(flashes, key) ? flashes[key as Flash] : undefined
}
