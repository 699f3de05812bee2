const secretName =
  /authorization|cookie|password|passwd|passphrase|secret|credential|assertion|verifier|(?:^|[_-])(?:code|pin|jwt)$|token(?!s?(?:_?type|_?kind|_?count|_?at|_?in|_?id|Type|Kind|Count|At|In|Id)$)|(?:api|master|private|signing|data|cookie|secret|sealing)_?-?keys?$/i
const secretText = /\b(Bearer|Basic|DPoP)\s+[A-Za-z0-9._~+/=-]{6,}/g
const jwt = /\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){1,3}/g

const depthMax = 6
const itemsMax = 100
const textMax = 4_000
const nodesMax = 2_000

interface Budget {
  left: number
}

/** A copy of log fields without credentials, bounded in depth and size, with errors spelled out. */
export function withoutSecrets(value: unknown, depth = 0, budget: Budget = { left: nodesMax }): unknown {
  if (--budget.left < 0) return '[more]'
  if (typeof value === 'string') return cleanText(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`
  if (typeof value !== 'object' || value === null) return value
  if (depth > depthMax) return '[deep]'
  if (value instanceof Error) return errorFields(value, depth, budget)
  if (value instanceof Date) return value.toJSON()
  if (value instanceof URL) return cleanText(`${value.origin}${value.pathname}`)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
  if (value instanceof Map) return withoutSecrets(Object.fromEntries(value), depth, budget)
  if (value instanceof Set) return withoutSecrets([...value], depth, budget)
  if (Array.isArray(value)) return value.slice(0, itemsMax).map((item) => withoutSecrets(item, depth + 1, budget))
  const entries = Object.entries(value).slice(0, itemsMax)
  return Object.fromEntries(
    entries.map(([name, item]) => {
      const hide = secretName.test(name) && !isHarmless(item)
      return [name, hide ? '[hidden]' : withoutSecrets(item, depth + 1, budget)]
    }),
  )
}

// Flags, and `code` where it is a fault's or the system's and not the one of OAuth.
function isHarmless(item: unknown): boolean {
  if (typeof item === 'string') return /^(?:[a-z]+\.[a-z_]+|E[A-Z]{3,16})$/.test(item)
  return item === null || item === undefined || typeof item === 'boolean' || typeof item === 'number'
}

function cleanText(text: string): string {
  const clean = text.replace(secretText, '$1 [hidden]').replace(jwt, '[hidden]')
  return clean.length > textMax ? `${clean.slice(0, textMax)}… (${clean.length} characters)` : clean
}

function errorFields(error: Error, depth: number, budget: Budget): Record<string, unknown> {
  // Own fields of foreign errors can hold whole requests and answers, so only these are taken.
  const { code, detail, status } = error as { code?: unknown; detail?: unknown; status?: unknown }
  const fields = {
    type: error.name,
    message: error.message,
    code,
    detail,
    status,
    stack: error.stack,
    cause: error.cause,
  }
  const known = Object.entries(fields).filter(([, item]) => item !== undefined)
  return Object.fromEntries(known.map(([name, item]) => [name, withoutSecrets(item, depth + 1, budget)]))
}
