import { isNode, walk } from '../source.ts'
import type { Source, SyntaxNode } from '../source.ts'

/** A use of a global, written as in the rules: `fetch`, `Date.now`, `new Date()`, `async`. */
export interface Use {
  readonly what: string
  readonly offset: number
}

// Expressions that happen to carry types; every other TS node is a type and gone at run time.
const expressions = new Set([
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'TSInstantiationExpression',
])

/**
 * Finds the uses of globals in a source. A name that the file declares around the use is not the global.
 *
 * Members are found by the names they are written with (`Date.now`, `globalThis.fetch`, `const { env } = process`); an
 * alias of the object itself is not followed.
 */
export function findUses(source: Source): Use[] {
  const uses: Use[] = []
  const visit = (node: SyntaxNode, scopes: readonly ReadonlySet<string>[]): void => {
    if (node.type.startsWith('TS') && !expressions.has(node.type)) return
    const inner = isFunction(node) ? [...scopes, declaredIn(node)] : scopes
    for (const what of usesOf(node)) {
      const free = !inner.some((scope) => scope.has(what))
      if (free) uses.push({ what, offset: node.start })
    }
    for (const [key, value] of Object.entries(node)) {
      if (isNameOnly(node, key)) continue
      for (const child of [value].flat()) if (isNode(child)) visit(child, inner)
    }
  }
  const module = new Set<string>()
  for (const node of source.body) for (const name of namesDeclared(node)) module.add(name)
  for (const node of source.body) visit(node, [module])
  return uses
}

function isFunction(node: SyntaxNode): boolean {
  return /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)
}

/** True where an identifier is a mere label: a property's name, the member after a dot. */
function isNameOnly(node: SyntaxNode, key: string): boolean {
  if (node['computed'] === true) return false
  if (node.type === 'MemberExpression') return key === 'property'
  if (node.type === 'Property' || node.type === 'MethodDefinition' || node.type === 'PropertyDefinition')
    return key === 'key'
  return node.type.startsWith('Import') || node.type.startsWith('ExportSpecifier')
}

function usesOf(node: SyntaxNode): string[] {
  if (isFunction(node)) return node['async'] === true ? ['async'] : []
  if (node.type === 'AwaitExpression' || (node.type === 'ForOfStatement' && node['await'] === true)) return ['await']
  if (node.type === 'Identifier') return [String(node['name'])]
  if (node.type === 'MemberExpression') return usesOfMember(node)
  if (node.type === 'NewExpression' && nameOf(node['callee']) === 'Date') {
    return (node['arguments'] as unknown[]).length === 0 ? ['new Date()'] : []
  }
  if (node.type === 'VariableDeclarator') return usesOfPattern(node)
  return []
}

function usesOfMember(node: SyntaxNode): string[] {
  const property = node['property'] as SyntaxNode
  const name = node['computed'] === true ? property['value'] : property['name']
  if (typeof name !== 'string') return []
  const object = node['object'] as SyntaxNode
  if (nameOf(object) === 'globalThis') return [name]
  // `globalThis.Date.now` is `Date.now`.
  if (object.type === 'MemberExpression' && nameOf(object['object']) === 'globalThis') {
    return [`${nameOf(object['property'])}.${name}`]
  }
  return nameOf(object) === undefined ? [] : [`${nameOf(object)}.${name}`]
}

function usesOfPattern(node: SyntaxNode): string[] {
  const object = nameOf(node['init'])
  const pattern = node['id'] as SyntaxNode
  if (object === undefined || pattern.type !== 'ObjectPattern') return []
  const names = (pattern['properties'] as SyntaxNode[]).map((property) => nameOf(property['key']))
  return names
    .filter((name) => name !== undefined)
    .map((name) => (object === 'globalThis' ? name : `${object}.${name}`))
}

function nameOf(node: unknown): string | undefined {
  return isNode(node) && node.type === 'Identifier' ? String(node['name']) : undefined
}

/** The names that a function's parameters and body declare, without those of functions inside it. */
function declaredIn(node: SyntaxNode): Set<string> {
  const names = new Set<string>()
  for (const parameter of node['params'] as SyntaxNode[]) for (const name of namesBound(parameter)) names.add(name)
  for (const name of namesDeclared(node['body'])) names.add(name)
  return names
}

function namesDeclared(node: unknown): string[] {
  const names: string[] = []
  walk(node, (child) => {
    if (child.type === 'VariableDeclarator') names.push(...namesBound(child['id']))
    if (child.type === 'CatchClause') names.push(...namesBound(child['param']))
    if (/^Import(Default|Namespace)?Specifier$/.test(child.type)) names.push(...namesBound(child['local']))
    if (child.type === 'FunctionDeclaration' || child.type === 'ClassDeclaration')
      names.push(...namesBound(child['id']))
    return !isFunction(child)
  })
  return names
}

function namesBound(pattern: unknown): string[] {
  if (!isNode(pattern)) return []
  switch (pattern.type) {
    case 'Identifier':
      return [String(pattern['name'])]
    case 'ObjectPattern':
      return (pattern['properties'] as SyntaxNode[]).flatMap((item) => namesBound(item['value'] ?? item['argument']))
    case 'ArrayPattern':
      return (pattern['elements'] as unknown[]).flatMap(namesBound)
    case 'AssignmentPattern':
      return namesBound(pattern['left'])
    case 'RestElement':
      return namesBound(pattern['argument'])
    default:
      return []
  }
}
