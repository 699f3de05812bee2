// What looks like a secret, as tables. A miss puts a secret into a ledger that is never rewritten; a false hit costs an
// auditor one value, which the digest of the arguments still proves. So doubt redacts.

/** A name with one of these words is that of a secret, wherever the word stands. */
const secretWords = new Set(
  'secret secrets password passwords passwd passphrase passcode pwd credential credentials authorization cookie cookies bearer jwt apikey apikeys'.split(
    ' ',
  ),
)
/** A name that ends in one of these is that of a secret, unless a word before it says what harmless thing it is. */
const secretLastWords = new Set('key keys token tokens auth otp pin cvv cvc pem signature mnemonic seed'.split(' '))
const harmlessBefore = new Set(
  'max min num count total page next previous prev primary foreign sort partition public idempotency cache cursor continuation issue completion prompt input output'.split(
    ' ',
  ),
)

/** Whether a name announces a secret: `apiToken`, `DB_PASSWORD`, `x-api-key`; not `max_tokens`. */
export function isSecretName(name: string): boolean {
  const words = name
    .slice(0, 200)
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
  const last = words.at(-1)
  if (last === undefined) return false
  if (
    words.some((word) => secretWords.has(word)) ||
    /(password|secret|apikey|privatekey|accesstoken)/.test(words.join(''))
  )
    return true
  return secretLastWords.has(last) && !words.slice(0, -1).some((word) => harmlessBefore.has(word))
}

/** Whether a name says that its value names a thing: what a call is about, which an auditor must see. */
export function isIdentifierName(name: string): boolean {
  return /(^|[_\-.]|[a-z0-9])(id|ids|Id|Ids|ID|IDs|uuid|digest|sha256|sha1|etag)$/.test(name)
}

/**
 * Known forms of secrets. `keep`, where given, is the group before the secret that stays; `inWord`, that it is found in
 * text of letters, digits, `_` and `-` alone: the others have something else in them.
 */
export const secretForms: readonly { what: string; form: RegExp; keep?: true; inWord?: true }[] = [
  {
    what: 'private key',
    form: /-----BEGIN [A-Z ]*PRIVATE KEY[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|$)/g,
  },
  { what: 'token', form: /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,3}/g },
  {
    what: 'key',
    inWord: true,
    // GitHub, GitLab, Slack, OpenAI and Anthropic, Stripe, AWS, Google, npm, PyPI, SendGrid, Shopify, DigitalOcean, Hugging Face, Linear, age
    form: /\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|gl(?:pat|ptt|dt|rt)-[\w-]{16,}|xox[abeprs]-[\w-]{8,}|xapp-[\w-]{8,}|sk-[\w-]{16,}|[rs]k_(?:live|test)_\w{8,}|whsec_\w{8,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,}|ya29\.[\w-]{10,}|npm_\w{20,}|pypi-[\w-]{16,}|SG\.[\w-]{10,}\.[\w-]{10,}|shp(?:at|ca|pa|ss)_\w{16,}|do[opr]_v1_\w{16,}|hf_\w{16,}|lin_api_\w{16,}|AGE-SECRET-KEY-1[A-Z0-9]{20,})/g,
  },
  { what: 'credentials', form: /\b((?:bearer|basic|digest|negotiate|token)\s+)[\w.~+/=-]{8,}/gi, keep: true },
  { what: 'credentials', form: /([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@:]{0,200}:[^\s/@]{1,400}(?=@)/gi, keep: true },
  {
    what: 'secret',
    form: /((?:secret|passw(?:or)?d|passphrase|pwd|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization|cookie|signature|sig)[\w.-]{0,40}["'\\]{0,3}\s{0,3}(?:=|:|%3d)\s{0,3}["'\\]{0,3})(?!«)[^\s"'&,;«\\]{3,}/gi,
    keep: true,
  },
]

const candidate = /[A-Za-z0-9+/_=-]{20,}/g
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Replaces what is random enough to be a secret. */
export function replaceRandom(text: string, replace: (secret: string) => string): string {
  return text.replaceAll(candidate, (match) => (isRandom(match) ? replace(match) : match))
}

function isRandom(text: string): boolean {
  if (uuid.test(text)) return false
  if (/^[0-9a-f]{32,}$/i.test(text)) return entropyOf(text) > 2.8
  // A path or a name of words joined by hyphens has short or plain parts; random text has long mixed ones.
  return text.split(/[/]/).some((part) => part.length >= 12 && isMixed(part)) && entropyOf(text) > 3.3
}

function isMixed(text: string): boolean {
  const upper = text.match(/[A-Z]/g)?.length ?? 0
  const lower = text.match(/[a-z]/g)?.length ?? 0
  const digits = text.match(/[0-9]/g)?.length ?? 0
  const words = text.split(/[-_=+]/)
  if (words.length > 2 && words.every((word) => /^([A-Za-z]?[a-z]*|[A-Z]*|[0-9]*)$/.test(word))) return false
  if (digits > 0 && upper + lower > 0 && digits + Math.min(upper, lower) >= text.length / 8) return true
  return upper > 0 && lower > 0 && Math.min(upper, lower) >= (upper + lower) / 4
}

/** Shannon entropy in bits a character. */
function entropyOf(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length)
  return bits
}
