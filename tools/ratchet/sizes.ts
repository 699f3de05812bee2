import { isTest, walk } from '../source.ts'
import type { Source, SyntaxNode } from '../source.ts'

/** One measured thing that a limit applies to. */
export interface Measure {
  /** Which rule: the key of the limit. */
  readonly rule: string
  readonly path: string
  readonly line: number
  /** What was measured: a function's name, or nothing for the whole file. */
  readonly name: string
  readonly value: number
}

/** The largest allowed value of each measure: DESIGN section 3, rule 9. */
export const limits: Readonly<Record<string, { readonly most: number; readonly unit: string }>> = {
  'file-lines': { most: 400, unit: 'lines' },
  'test-file-lines': { most: 600, unit: 'lines' },
  'function-lines': { most: 70, unit: 'lines' },
  parameters: { most: 3, unit: 'positional parameters' },
}

/** Measures a file, its functions and their parameters. */
export function measure(source: Source): Measure[] {
  const test = isTest(source.path)
  const file = {
    rule: test ? 'test-file-lines' : 'file-lines',
    path: source.path,
    line: 1,
    name: '',
    value: source.lines,
  }
  const measures: Measure[] = [file]
  walk(source.body, (node, parent) => {
    if (!isFunction(node)) return
    const line = source.lineAt(node.start)
    const name = nameOfFunction(node, parent)
    const lines = linesOf(source, node) - linesOfNamed(source, node)
    // `describe` only groups tests; the tests in it are measured.
    if (!(test && isGroup(parent)))
      measures.push({ rule: 'function-lines', path: source.path, line, name, value: lines })
    // A callback has the shape that its caller gives it.
    if (parent?.type === 'CallExpression' && parent['callee'] !== node) return
    const parameters = (node['params'] as SyntaxNode[]).filter((parameter) => parameter['name'] !== 'this')
    measures.push({ rule: 'parameters', path: source.path, line, name, value: parameters.length })
  })
  return measures
}

function isFunction(node: SyntaxNode): boolean {
  return /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)
}

function linesOf(source: Source, node: SyntaxNode): number {
  return source.lineAt(node.end) - source.lineAt(node.start) + 1
}

/**
 * The lines of the functions that a function defines by name. They are measured by themselves, like the methods of a
 * class: `openLogins()` may hold six of them. A callback is part of the function that passes it.
 */
function linesOfNamed(source: Source, outer: SyntaxNode): number {
  let lines = 0
  walk(outer['body'], (node, parent) => {
    if (!isFunction(node)) return true
    const named = node.type === 'FunctionDeclaration' || /^(Property|VariableDeclarator)$/.test(parent?.type ?? '')
    if (named) lines += linesOf(source, node)
    return !named
  })
  return lines
}

function isGroup(parent: SyntaxNode | undefined): boolean {
  const callee = parent?.type === 'CallExpression' ? (parent['callee'] as SyntaxNode) : undefined
  return callee?.['name'] === 'describe' || callee?.['name'] === 'suite'
}

function nameOfFunction(node: SyntaxNode, parent: SyntaxNode | undefined): string {
  const own = node['id'] ?? parent?.['id'] ?? parent?.['key']
  if (own !== undefined && own !== null) return String((own as SyntaxNode)['name'] ?? (own as SyntaxNode)['value'])
  const first = parent?.type === 'CallExpression' ? (parent['arguments'] as SyntaxNode[])[0] : undefined
  return typeof first?.['value'] === 'string' ? `\`${first['value']}\`` : 'a function'
}
