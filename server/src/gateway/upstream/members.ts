// Answers pass as the upstream wrote them: numbers beyond double precision, order and escapes included. Where the gateway
// must change a member (an id that it had replaced, the marks of an era) it changes the text of that member and nothing
// else. The text is known to be valid JSON here: it was parsed before.

interface Member {
  name: string
  start: number
  valueStart: number
  end: number
}

/** `undefined` removes the member, a text replaces its value or adds it. */
export type Edits = Readonly<Record<string, string | undefined>>

export function editObject(text: string, edits: Edits): string {
  const members = listMembers(text)
  const seen = new Set<string>()
  const parts: string[] = []
  for (const member of members) {
    if (!Object.hasOwn(edits, member.name)) {
      parts.push(text.slice(member.start, member.end))
      continue
    }
    const value = edits[member.name]
    // A name given twice is written once, so that every reader sees the same.
    if (value !== undefined && !seen.has(member.name)) parts.push(`${JSON.stringify(member.name)}:${value}`)
    seen.add(member.name)
  }
  for (const [name, value] of Object.entries(edits)) {
    if (value !== undefined && !seen.has(name)) parts.push(`${JSON.stringify(name)}:${value}`)
  }
  return `{${parts.join(',')}}`
}

/** The text of a member's value; of the last one where the name came twice, as `JSON.parse` has it. */
export function textOfMember(text: string, name: string): string | undefined {
  const member = listMembers(text).findLast((member) => member.name === name)
  return member && text.slice(member.valueStart, member.end)
}

function listMembers(text: string): Member[] {
  const members: Member[] = []
  let at = skipSpace(text, text.indexOf('{') + 1)
  while (text[at] === '"') {
    const start = at
    const nameEnd = endOfString(text, at)
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1)
    const end = endOfValue(text, valueStart)
    members.push({ name: JSON.parse(text.slice(start, nameEnd)) as string, start, valueStart, end })
    at = skipSpace(text, end)
    if (text[at] !== ',') break
    at = skipSpace(text, at + 1)
  }
  return members
}

function endOfValue(text: string, start: number): number {
  const first = text[start]
  if (first === '"') return endOfString(text, start)
  if (first === '{' || first === '[') return endOfNesting(text, start)
  let at = start
  while (at < text.length && !',}] \n\r\t'.includes(text[at]!)) at++
  return at
}

function endOfNesting(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) at = endOfString(text, at) - 1
    else if (code === 0x7b || code === 0x5b) depth++
    else if ((code === 0x7d || code === 0x5d) && --depth === 0) return at + 1
  }
  return text.length
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end > 0) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++
    if (slashes % 2 === 0) return end + 1
    end = text.indexOf('"', end + 1)
  }
  return text.length
}

function skipSpace(text: string, start: number): number {
  let at = start
  while (' \n\r\t'.includes(text[at] ?? 'x')) at++
  return at
}
