import { z } from 'zod'
import { Fault } from '../base/fault.ts'
import { canonicalJson } from '../base/json.ts'
import { writePlain } from './entry/plain.ts'
import { redactedBytesMax, type RedactedText } from './redact.ts'

/** Largest entry: the length of an entry in a bundle has sixteen bits. */
export const entryBytesMax = 65_535
/** The version of the format that this house writes, and the only one that it reads. */
export const entryVersion = 1

/** Longest text that is only for reading, in UTF-16 units. */
const displayMax = 500

const count = z.int().min(0)
const id = z.string().min(1).max(2_048)
const bound = z.string().min(1).max(4_000)
const display = z.string().max(displayMax)
const digest = z.string().regex(/^[0-9a-f]{64}$/)
const code = z
  .string()
  .regex(/^[a-z][a-z0-9_-]*\.[a-z][a-z0-9_]*$/)
  .max(64)
const effect = z.enum(['read', 'write', 'destructive'])
const redactedText = z.custom<RedactedText>((value) => typeof value === 'string' && value.length <= redactedBytesMax)

const principal = z.strictObject({ id, issuer: id, subject: id, name: display })
const client = z.strictObject({ id, name: display })
const details = z.record(z.string(), z.unknown())

const envelope = { v: z.literal(entryVersion), at: count }

const intent = {
  /** UUIDv7 of the call: the outcome refers to it. */
  callId: z.guid(),
  /** Who answers for the call. */
  principal,
  /** Who acts for the principal (RFC 8693 `act`). */
  actor: id.optional(),
  client,
  grantId: id,
  /** `jti` of the access token. */
  tokenId: id.optional(),
  /** What the token reaches of the grant, where it was issued narrower. */
  scope: bound.optional(),
  /** The bundle that the call came through; absent where it came to the address of the upstream. */
  bundle: id.optional(),
  upstream: id,
  tool: id,
  /** Digest of the definition that was pinned when it was decided. */
  toolDigest: digest,
  effect,
  /** SHA-256 of the canonical argument bytes, which are what was sent; with the `method` that says which use it is. */
  argumentsDigest: digest,
  arguments: redactedText,
  /** The policy state that it was decided by. */
  revision: count,
  /** What carried the decision, beside the grant. */
  entitlementId: id,
  approvalId: id.optional(),
  /** The upstream credential that is used. */
  connectionId: id.optional(),
  /** W3C trace id. */
  traceId: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional(),
}

const outcome = {
  /** `unknown`: the call may or may not have had its effect. */
  status: z.enum(['success', 'failure', 'unknown']),
  /** HTTP status of the upstream, where there is one. */
  httpStatus: z.int().min(100).max(599).optional(),
  /** Error code of JSON-RPC, where the upstream answered with an error. */
  rpcCode: z.int().optional(),
  /** The tool answered, with `isError`. */
  toolError: z.literal(true).optional(),
  /** Why it failed or is unknown, in our words, never the upstream's. */
  reason: display.optional(),
  durationMs: count.optional(),
  /** Size and digest of the result as it was passed on; the result itself is never kept. */
  resultBytes: count.optional(),
  resultDigest: digest.optional(),
}

const denial = {
  callId: z.guid().optional(),
  principal: principal.optional(),
  actor: id.optional(),
  client: client.optional(),
  grantId: id.optional(),
  tokenId: id.optional(),
  scope: bound.optional(),
  bundle: id.optional(),
  upstream: display,
  tool: display.optional(),
  toolDigest: digest.optional(),
  effect: effect.optional(),
  argumentsDigest: digest.optional(),
  arguments: redactedText.optional(),
  revision: count.optional(),
  /** A reason of `policy` or the code of a fault. */
  reason: code,
  /** Whether an approval could change the answer. */
  requestable: z.boolean(),
  approvalId: id.optional(),
  traceId: intent.traceId,
}

const login = {
  status: z.enum(['success', 'failure']),
  /** `local`, or the name of the identity provider. */
  provider: display,
  /** Absent when it is not known who tried. What was typed in is never kept. */
  principal: principal.optional(),
  signInId: id.optional(),
  /** How it was proved who he is (RFC 8176). */
  amr: z.array(z.string().max(32)).max(16).optional(),
  /** Code of the fault. */
  reason: code.optional(),
  /** Address of the browser, as the gateway saw it. */
  address: display.optional(),
}

const change = {
  /** Id of the principal, or `set-up`, or `system`. */
  by: id,
  what: code,
  about: z.strictObject({ kind: z.string().min(1).max(64), id: id.optional() }),
  reason: display.optional(),
  /** What it was changed to. Never a secret. */
  details: details.optional(),
}

/** The closed union of entries. */
export const entrySchema = z.discriminatedUnion('kind', [
  z.strictObject({
    ...envelope,
    kind: z.literal('intent'),
    /** The process that makes the call: recovery asks whether it still lives. */
    instance: id,
    ...intent,
  }),
  z.strictObject({
    ...envelope,
    kind: z.literal('outcome'),
    callId: z.guid(),
    /** Position of the intent. */
    intent: count,
    ...outcome,
  }),
  z.strictObject({ ...envelope, kind: z.literal('denial'), ...denial }),
  z.strictObject({ ...envelope, kind: z.literal('login'), ...login }),
  z.strictObject({ ...envelope, kind: z.literal('change'), ...change }),
])

/** One entry: what a leaf of the tree says. Its position in the tree is its only number. */
export type Entry = z.infer<typeof entrySchema>
/** What an entry tells of. */
export type EntryKind = Entry['kind']
/** All kinds of entries. */
export const entryKinds = ['intent', 'outcome', 'denial', 'login', 'change'] as const satisfies readonly EntryKind[]

const parts = { intent: z.object(intent), outcome: z.object(outcome), denial: z.object(denial), login: z.object(login) }
/** What is about to be done, and what allows it. */
export type Intent = z.infer<typeof parts.intent>
/** What came of an intent. */
export type Outcome = z.infer<typeof parts.outcome>
/** A call that was refused, and why. */
export type Denial = z.infer<typeof parts.denial>
/** Somebody signed in, or tried to. */
export type Login = z.infer<typeof parts.login>

/** The steps that the house records as changes. Readers accept any, so that older verifiers read newer ledgers. */
export const changeKinds = [
  'approval.approved',
  'approval.cancelled',
  'approval.denied',
  'approval.expired',
  'approval.requested',
  'approval.spent',
  'bundle.changed',
  'bundle.made',
  'bundle.retired',
  'client.admitted',
  'client.asked',
  'client.changed',
  'client.expired',
  'client.owner_set',
  'client.refused',
  'client.registered',
  'client.revoked',
  'connection.lapsed',
  'connection.put',
  'connection.revoked',
  'entitlement.given',
  'entitlement.revoked',
  'entitlement.login_demanded',
  'grant.given',
  'grant.login_renewed',
  'grant.revoked',
  'group.changed',
  'grant.widened',
  'group.joined',
  'group.left',
  'group.made',
  'group.refreshed',
  'group.retired',
  'group.rule_added',
  'group.rule_removed',
  'key.made',
  'key.retired',
  'key.rotated',
  'ledger.opened',
  'machine.made',
  'machine.owner_set',
  'method.declared',
  'operator_key.made',
  'operator_key.revoked',
  'passkey.added',
  'passkey.only_set',
  'passkey.removed',
  'password.reset_offered',
  'password.set',
  'principal.changed',
  'principal.deleted',
  'principal.disabled',
  'principal.enabled',
  'principal.invited',
  'principal.joined',
  'principal.sign_in_demanded',
  'principal.signed_in_anew',
  'principal.signed_out',
  'provisioner_key.made',
  'provisioner_key.revoked',
  'provisioning.limited',
  'recovery_code.made',
  'recovery_code.spent',
  'setting.set',
  'signal.received',
  'sign_in.ended',
  'token_key.rotated',
  'tool.appeared',
  'tool.argument_allowed',
  'tool.drifted',
  'tool.effect_set',
  'tool.gone',
  'tool.owner_set',
  'tool.pinned',
  'tool.returned',
  'tool.withdrawn',
  'upstream.approved',
  'upstream.ceiling_set',
  'upstream.document_replaced',
  'upstream.in_review',
  'upstream.observed',
  'upstream.owner_set',
  'upstream.probe_failed',
  'upstream.proof_set',
  'upstream.proposed',
  'upstream.retired',
  'upstream.suspended',
] as const
/** One of the steps that are recorded as changes. */
export type ChangeKind = (typeof changeKinds)[number]

/**
 * Writes an entry as the bytes of its leaf: canonical JSON. Texts that are only for reading (names, reasons) are shortened
 * to 500 characters and made well-formed, so that a long name cannot prevent a record; all else must fit.
 *
 * @returns At most `entryBytesMax` bytes.
 * @throws {Fault} `ledger.invalid` if a field does not fit the format, or the whole is too large.
 * @see spec/ledger.md, "Entries"
 * @see https://www.rfc-editor.org/rfc/rfc8785
 */
export function writeEntry(entry: Entry): string {
  return writePlain(entry) ?? writeJudged(entry)
}

function writeJudged(entry: Entry): string {
  const fitted = fit(entry)
  const checked = entrySchema.safeParse(fitted)
  if (!checked.success) throw invalid(explain(checked.error))
  const text = canonicalJson(fitted)
  if (Buffer.byteLength(text) > entryBytesMax) throw invalid(`more than ${entryBytesMax} bytes`)
  return text
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads the bytes of a leaf.
 *
 * @throws {Fault} `ledger.invalid` if they are not the canonical bytes of an entry of this version, saying why.
 */
export function readEntry(bytes: Uint8Array): Entry {
  let text: string
  let value: unknown
  try {
    text = decoder.decode(bytes)
    value = JSON.parse(text)
  } catch {
    throw invalid('not JSON in UTF-8')
  }
  // One text for each value: a name given twice, loose spaces or another order of names do not survive the comparison.
  if (!isCanonical(value, text)) throw invalid('not in canonical form')
  const version = (value as { v?: unknown } | null)?.v
  if (typeof version === 'number' && version > entryVersion)
    throw invalid(`of version ${version}, made by a newer Sallyport`)
  const checked = entrySchema.safeParse(value)
  if (!checked.success) throw invalid(explain(checked.error))
  // Not what the schema copied: a copy leaves out the name `__proto__`, which a reader must see too.
  return value as Entry
}

/** What the engine writes is canonical where the names came sorted; the rest is left to `canonicalJson`, which is slower. */
function isCanonical(value: unknown, text: string): boolean {
  if (isSorted(value, 0) && !text.includes('\\ud') && JSON.stringify(value) === text) return true
  try {
    return canonicalJson(value) === text
  } catch {
    return false
  }
}

const sortedDepthMax = 64

function isSorted(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (depth > sortedDepthMax) return false
  if (Array.isArray(value)) return value.every((item) => isSorted(item, depth + 1))
  let before = ''
  for (const [name, item] of Object.entries(value)) {
    if (name < before || !isSorted(item, depth + 1)) return false
    before = name
  }
  return true
}

function fit(entry: Entry): Entry {
  const fitted = { ...entry } as Record<string, unknown>
  for (const name of ['reason', 'provider', 'address'] as const) {
    if (typeof fitted[name] === 'string') fitted[name] = shorten(fitted[name])
  }
  if (entry.kind === 'denial') {
    fitted['upstream'] = shorten(entry.upstream)
    if (entry.tool !== undefined) fitted['tool'] = shorten(entry.tool)
  }
  for (const name of ['principal', 'client'] as const) {
    const party = fitted[name] as { name: string } | undefined
    if (party !== undefined) fitted[name] = { ...party, name: shorten(party.name) }
  }
  return fitted as Entry
}

function shorten(text: string): string {
  const max = displayMax
  return (text.length <= max ? text : `${text.slice(0, max - 1)}…`).toWellFormed()
}

function explain(error: z.ZodError): string {
  const issue = error.issues[0]!
  return `${issue.path.join('.') || 'entry'}: ${issue.message}`
}

function invalid(detail: string): Fault {
  return new Fault('ledger.invalid', `not an entry of the ledger: ${detail}`)
}
