import { isObject } from '../base/json.ts'

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
const mirrorable: readonly unknown[] = ['string', 'integer', 'boolean']
// What stands there is a value and no schema.
const values = new Set(['const', 'default', 'enum', 'examples'])

/**
 * What is wrong with the arguments that a definition wants mirrored in headers (`x-mcp-header`), or nothing.
 *
 * A name is a token and stands once, whatever its case; the argument is a string, an integer or a boolean, and only
 * `properties` lead to it. Clients must not use a tool whose definition breaks this.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/server/tools#x-mcp-header
 */
export function findBadMirror(inputSchema: unknown): string | undefined {
  const seen = new Set<string>()
  const judge = (node: unknown, reachable: boolean): string | undefined => {
    if (Array.isArray(node)) return first(node, (one) => judge(one, false))
    if (!isObject(node)) return undefined
    const name = node['x-mcp-header']
    const bad = name === undefined ? undefined : judgeName(name, { node, reachable, seen })
    return bad ?? first(Object.entries(node), ([key, below]) => judgeBelow(key, below, reachable))
  }
  const judgeBelow = (key: string, below: unknown, reachable: boolean): string | undefined => {
    if (values.has(key)) return undefined
    if (key === 'properties' && isObject(below)) return first(Object.values(below), (one) => judge(one, reachable))
    return judge(below, false)
  }
  return judge(inputSchema, true)
}

function judgeName(
  name: unknown,
  { node, reachable, seen }: { node: Record<string, unknown>; reachable: boolean; seen: Set<string> },
): string | undefined {
  if (typeof name !== 'string' || !token.test(name)) return 'its `x-mcp-header` is no name of a header'
  if (!reachable) return `its header \`${name}\` mirrors what \`properties\` do not lead to`
  if (!mirrorable.includes(node['type'])) return `its header \`${name}\` mirrors what is no string, integer or boolean`
  if (seen.has(name.toLowerCase())) return `its header \`${name}\` mirrors two arguments`
  seen.add(name.toLowerCase())
  return undefined
}

function first<Item>(items: readonly Item[], judge: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const bad = judge(item)
    if (bad !== undefined) return bad
  }
  return undefined
}
