/**
 * Slow searches that run only once a document is known to be bad, so that the fault can say where. They never decide
 * whether it is.
 */

/** Says what in a parsed value cannot be carried, and its JSON pointer. */
export function findUnfit(value: unknown, pointer = ''): string {
  return search(value, pointer) ?? 'a value that cannot be carried exactly'
}

function search(value: unknown, pointer: string): string | undefined {
  const at = pointer === '' ? 'at the top' : `at \`${pointer.length > 200 ? `${pointer.slice(0, 200)}…` : pointer}\``
  if (typeof value === 'string') return value.isWellFormed() ? undefined : `a lone surrogate ${at}`
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return `a number that is too large ${at}`
    if (value % 1 === 0 && !Number.isSafeInteger(value))
      return `a whole number beyond 2^53-1 ${at}: send it as a string`
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  for (const [name, item] of Object.entries(value)) {
    if (!name.isWellFormed()) return `a lone surrogate in a name ${at}`
    if (name === '__proto__') return `the name \`__proto__\` ${at}`
    const found = search(item, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    if (found) return found
  }
  return undefined
}

/** Says which name comes twice in one object, and the offset of the second. The text is valid JSON. */
export function findDuplicateKey(text: string): string {
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]]/gsu
  const names: (Set<string> | undefined)[] = []
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [lexeme] = match
    if (lexeme === '{') names.push(new Set())
    else if (lexeme === '[') names.push(undefined)
    else if (lexeme === '}' || lexeme === ']') names.pop()
    else if (isName(text, token.lastIndex)) {
      const name = String(JSON.parse(lexeme))
      const seen = names.at(-1)
      if (seen?.has(name))
        return `the name \`${shorten(name)}\` twice in one object, the second at offset ${match.index}`
      seen?.add(name)
    }
  }
  return 'a name twice in one object'
}

function isName(text: string, end: number): boolean {
  const colon = /[ \t\r\n]*:/y
  colon.lastIndex = end
  return colon.test(text)
}

function shorten(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]/gu, '?').replaceAll('`', "'")
  return plain.length > 40 ? `${plain.slice(0, 40)}…` : plain
}
