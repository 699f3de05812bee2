const suspicionsMax = 50
const nodesMax = 20_000

/** What honest definitions do not hold. The list is short on purpose: a warning that cries often is not read. */
const signs: readonly { sign: RegExp; because: string }[] = [
  { sign: /[\u{E0000}-\u{E007F}]/u, because: 'hides text in Unicode tag characters' },
  {
    sign: /[\u202A-\u202E\u2066-\u2069\u200E\u200F\u061C]/u,
    because: 'turns the direction of text, so that it reads otherwise than it is',
  },
  {
    sign: /[\u200B-\u200D\u2060-\u2064\u00AD\uFEFF\u180E\u3164\uFFA0\u115F\u1160]/u,
    because: 'holds invisible characters',
  },
  { sign: /[\u{E0100}-\u{E01EF}]|[\uFE00-\uFE0E]{2,}/u, because: 'hides text in variation selectors' },
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  { sign: /\u001B|\u009B/u, because: 'holds terminal control codes' },
  {
    // oxlint-disable-next-line no-control-regex -- these are what is looked for
    sign: /[\u0000-\u0008\u000B\u000C\u000E-\u001A\u001C-\u001F\u007F-\u009A\u009C-\u009F]/u,
    because: 'holds control characters',
  },
  {
    sign: /\b(ignore|disregard|forget|override)\b.{0,30}\b(previous|prior|above|earlier|all|other|system)\b.{0,30}\b(instructions?|prompts?|rules?|messages?|context)\b/is,
    because: 'tells the model to disregard its instructions',
  },
  {
    sign: /<\s{0,4}\/?\s{0,4}(important|system|instructions?|secret|hidden|assistant|admin)\b[^>]{0,40}>/i,
    because: 'dresses text up as a system message',
  },
  {
    sign: /\b(do not|don't|never|without)\b.{0,20}\b(tell|mention|inform|reveal|notify|show|telling|mentioning|informing|notifying|alert)\w*.{0,20}\b(the |your )?(user|human|person|anyone|operator)\b/is,
    because: 'tells the model to keep something from the person',
  },
  {
    sign: /\b(before|prior to|after|whenever|instead of)\b.{0,20}\b(using|calling|invoking|running)\b.{0,20}\b(any|every|all|other|another)\b.{0,20}\btools?\b/is,
    because: 'wants to rule over other tools',
  },
  {
    sign: /(~\/\.(ssh|aws|cursor|config|gnupg|kube|netrc)\b|\bid_rsa\b|\/etc\/(passwd|shadow)|\bmcp\.json\b|\.env\b file)/i,
    because: 'names files that hold secrets',
  },
  {
    sign: /\b(system prompt|conversation history|chat history|your (api|access) (key|token))\b/i,
    because: 'asks for what the model was told in confidence',
  },
  {
    sign: /\byou (must|should|are required to) (always|first)\b.{0,40}\b(call|read|send|include|pass|use)\b/is,
    because: 'gives the model standing orders',
  },
  { sign: /[A-Za-z0-9+/]{200,}={0,2}/, because: 'holds a long encoded text' },
  { sign: /data:[a-z]+\/[a-z+.-]+;base64,/i, because: 'holds embedded data' },
]

/** Sentences about every text of the value, keys included, that bears a sign. */
export function suspicionsIn(value: Record<string, unknown>): string[] {
  const found = new Set<string>()
  const queue: { field: string; value: unknown }[] = [{ field: '', value }]
  for (let at = 0; at < queue.length && at < nodesMax && found.size < suspicionsMax; at++) {
    const { field, value: node } = queue[at]!
    if (typeof node === 'string') for (const because of signsOf(node)) found.add(`${field}: ${because}`)
    if (field.endsWith('$ref') && typeof node === 'string' && /^[a-z][a-z0-9+.-]*:|^\/\//i.test(node))
      found.add(`${field}: refers to a schema elsewhere`)
    if (typeof node !== 'object' || node === null) continue
    for (const [key, child] of Object.entries(node)) {
      const path = field === '' ? plain(key) : `${field}.${plain(key)}`
      for (const because of signsOf(key)) found.add(`${path}: its name ${because}`)
      queue.push({ field: path, value: child })
    }
  }
  if (queue.length > nodesMax) found.add('the definition: is too large to be searched')
  return [...found].slice(0, suspicionsMax)
}

function signsOf(text: string): string[] {
  return signs.filter(({ sign }) => sign.test(text)).map(({ because }) => because)
}

function plain(key: string): string {
  return key.slice(0, 64).replaceAll(/[^\w$-]/g, '?')
}
