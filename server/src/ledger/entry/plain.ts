// The entries of every call, as they nearly always are: written without the schema, which takes ten times as long. It
// recognises what is plainly right, member by member, and leaves everything else to the schema, which also says what is
// wrong. A test holds the two against each other.

type Members = Readonly<Record<string, unknown>>

/** @returns the canonical text, or undefined for what the schema has to judge. */
export function writePlain(entry: Members): string | undefined {
  const sorted =
    entry['kind'] === 'intent' ? sortIntent(entry) : entry['kind'] === 'outcome' ? sortOutcome(entry) : undefined
  if (sorted === undefined || countMembers(sorted) !== countMembers(entry)) return undefined
  const text = JSON.stringify(sorted)
  // A lone surrogate has no canonical form, and what is long is measured in bytes.
  return text.length > textMax || text.includes('\\ud') ? undefined : text
}

/** Surely within the largest entry, whatever its characters. */
const textMax = 20_000

/** In the order of their names; JSON leaves out what is undefined. */
function sortIntent(entry: Members): Members | undefined {
  const principal = (entry['principal'] ?? {}) as Members
  const client = (entry['client'] ?? {}) as Members
  const fits =
    isOptional(isId, entry['actor']) &&
    isOptional(isId, entry['approvalId']) &&
    isText(entry['arguments'], 4_096) &&
    isDigest(entry['argumentsDigest']) &&
    isCount(entry['at']) &&
    isOptional(isId, entry['bundle']) &&
    isCallId(entry['callId']) &&
    isId(client['id']) &&
    isText(client['name'], nameMax) &&
    countMembers(client) === 2 &&
    isOptional(isId, entry['connectionId']) &&
    (entry['effect'] === 'read' || entry['effect'] === 'write' || entry['effect'] === 'destructive') &&
    isId(entry['entitlementId']) &&
    isId(entry['grantId']) &&
    isId(entry['instance']) &&
    isId(principal['id']) &&
    isId(principal['issuer']) &&
    isText(principal['name'], nameMax) &&
    isId(principal['subject']) &&
    countMembers(principal) === 4 &&
    isCount(entry['revision']) &&
    isOptional(isId, entry['scope']) &&
    isOptional(isId, entry['tokenId']) &&
    isId(entry['tool']) &&
    isDigest(entry['toolDigest']) &&
    isOptional(isTraceId, entry['traceId']) &&
    isId(entry['upstream']) &&
    entry['v'] === 1
  if (!fits) return undefined
  return {
    actor: entry['actor'],
    approvalId: entry['approvalId'],
    arguments: entry['arguments'],
    argumentsDigest: entry['argumentsDigest'],
    at: entry['at'],
    bundle: entry['bundle'],
    callId: entry['callId'],
    client: { id: client['id'], name: client['name'] },
    connectionId: entry['connectionId'],
    effect: entry['effect'],
    entitlementId: entry['entitlementId'],
    grantId: entry['grantId'],
    instance: entry['instance'],
    kind: 'intent',
    principal: {
      id: principal['id'],
      issuer: principal['issuer'],
      name: principal['name'],
      subject: principal['subject'],
    },
    revision: entry['revision'],
    scope: entry['scope'],
    tokenId: entry['tokenId'],
    tool: entry['tool'],
    toolDigest: entry['toolDigest'],
    traceId: entry['traceId'],
    upstream: entry['upstream'],
    v: 1,
  }
}

function sortOutcome(entry: Members): Members | undefined {
  const fits =
    isCount(entry['at']) &&
    isCallId(entry['callId']) &&
    isOptional(isCount, entry['durationMs']) &&
    isCount(entry['intent']) &&
    isOptional(isReason, entry['reason']) &&
    isOptional(isCount, entry['resultBytes']) &&
    isOptional(isDigest, entry['resultDigest']) &&
    (entry['status'] === 'success' || entry['status'] === 'failure' || entry['status'] === 'unknown') &&
    (entry['toolError'] === undefined || entry['toolError'] === true) &&
    entry['v'] === 1
  if (!fits) return undefined
  return {
    at: entry['at'],
    callId: entry['callId'],
    durationMs: entry['durationMs'],
    intent: entry['intent'],
    kind: 'outcome',
    reason: entry['reason'],
    resultBytes: entry['resultBytes'],
    resultDigest: entry['resultDigest'],
    status: entry['status'],
    toolError: entry['toolError'],
    v: 1,
  }
}

const nameMax = 500

function countMembers(object: Members): number {
  let count = 0
  for (const name in object) if (object[name] !== undefined) count++
  return count
}

function isOptional(is: (value: unknown) => boolean, value: unknown): boolean {
  return value === undefined || is(value)
}

function isText(value: unknown, max: number): boolean {
  return typeof value === 'string' && value.length <= max
}

function isReason(value: unknown): boolean {
  return isText(value, nameMax)
}

function isId(value: unknown): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= 2_048
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0)
}

function isDigest(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function isTraceId(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)
}

function isCallId(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(value)
}
