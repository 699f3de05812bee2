import { isObject } from '../../base/json.ts'
import type { CatalogueTool } from '../../inventory/catalogue.ts'
import { itemOf } from '../../model/item.ts'
import { readUriTemplate } from '../../model/uri-template.ts'
import { compileRules, type Rule, type StringKind } from './rules.ts'

/** The rules for the arguments of an item, read out of its accepted definition. */
export function rulesOfItem({ tool, definition }: CatalogueTool): Rule {
  const { kind, key } = itemOf(tool.name)
  const allowed = tool.allowedArguments
  switch (kind) {
    case 'tool':
      return compileRules(definition?.['inputSchema'], allowed)
    case 'prompt':
      return compileRules({ type: 'object', properties: argumentsOf(definition?.['arguments']) }, allowed)
    case 'template':
      return variablesOf(key, new Set(allowed))
    case 'method': {
      const schema = definition?.['inputSchema']
      const open = isObject(schema) && schema['additionalProperties'] === true
      const rules = compileRules(schema, allowed)
      return open ? { ...rules, others: { ...nothing, string: 'identifier' } } : rules
    }
    case 'resource':
    case 'text':
    case 'extension':
      return { ...nothing, members: new Map() }
    default:
      throw new TypeError(`unknown kind of item: ${String(kind satisfies never)}`)
  }
}

const nothing: Rule = {
  string: 'identifier',
  listed: undefined,
  members: undefined,
  others: undefined,
  items: undefined,
}

function argumentsOf(declared: unknown): Record<string, unknown> {
  const all = Array.isArray(declared) ? declared.filter(isObject) : []
  return Object.fromEntries(all.map((one) => [String(one['name']), { type: 'string' }]))
}

// In an address no name makes a value prose: it is one name, or where the template says so a path, unless the owner says
// otherwise.
function variablesOf(key: string, allowed: ReadonlySet<string>): Rule {
  const kindOf = (name: string, reserved: boolean): StringKind =>
    allowed.has(name) ? 'prose' : reserved ? 'place' : 'identifier'
  const variables = readUriTemplate(key)?.variables ?? []
  const members = variables.map(({ name, reserved }): [string, Rule] => [
    name,
    { ...nothing, string: kindOf(name, reserved) },
  ])
  return { ...nothing, members: new Map(members) }
}
