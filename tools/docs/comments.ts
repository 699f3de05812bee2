import { isNode, isTest, readSources } from '../source.ts'
import type { Finding, Source, SyntaxNode } from '../source.ts'

/**
 * Checks that everything that a hall exports has a doc comment: the top-level files of the rooms of `server/src`.
 * In closets a comment says why, if there is something to say.
 */
export function checkComments(root: string): Finding[] {
  return readSources(root, ['server/src'])
    .filter(({ path }) => path.split('/').length <= 4 && !isTest(path))
    .flatMap(checkHall)
}

function checkHall(source: Source): Finding[] {
  const findings: Finding[] = []
  const documented = new Set<string>()
  for (const node of source.body) {
    for (const { name, at } of exportsOf(node, source.body)) {
      if (hasComment(source, at) || documented.has(name)) documented.add(name)
      else
        findings.push({
          path: source.path,
          line: source.lineAt(at.start),
          text: `\`${name}\` is exported without a doc comment`,
        })
    }
  }
  return findings
}

interface Exported {
  readonly name: string
  /** The statement that the comment stands before. */
  readonly at: SyntaxNode
}

function exportsOf(node: SyntaxNode, body: readonly SyntaxNode[]): Exported[] {
  if (node.type === 'ExportDefaultDeclaration') return [{ name: 'default', at: node }]
  if (node.type !== 'ExportNamedDeclaration' || isNode(node['source'])) return []
  const declaration = node['declaration']
  if (isNode(declaration)) return namesOf(declaration).map((name) => ({ name, at: node }))
  // `export { open }`: the comment stands at the declaration.
  return (node['specifiers'] as SyntaxNode[]).flatMap((specifier) => {
    const name = String((specifier['local'] as SyntaxNode)['name'])
    const at = body.find((other) => namesOf(other).includes(name))
    return at === undefined ? [] : [{ name, at }]
  })
}

function namesOf(declaration: SyntaxNode): string[] {
  const named = (node: unknown): string[] => (isNode(node) && typeof node['name'] === 'string' ? [node['name']] : [])
  if (declaration.type !== 'VariableDeclaration') return named(declaration['id'])
  return (declaration['declarations'] as SyntaxNode[]).flatMap((item) => named(item['id']))
}

function hasComment(source: Source, node: SyntaxNode): boolean {
  const before = source.comments.findLast((comment) => comment.end <= node.start)
  if (before === undefined || before.type !== 'Block' || !before.value.startsWith('*')) return false
  return source.text.slice(before.end, node.start).trim() === '' && /\w/.test(before.value)
}
