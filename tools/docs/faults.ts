import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { listFiles, readSource, walk } from '../source.ts'
import type { Finding, SyntaxNode } from '../source.ts'

const codesFile = 'server/src/base/fault.ts'
const folder = 'docs/faults'
const sections = ['What happened', 'What is true now', 'What to do']

/** Checks that every fault code has its page with its three sections, and that there is no page without a code. */
export function checkFaults(root: string): Finding[] {
  if (!existsSync(join(root, codesFile))) return []
  const codes = readCodes(root)
  const pages = listFiles(root, [folder], (path) => path.endsWith('.md'))
  const findings: Finding[] = []
  for (const [code, line] of codes) {
    const path = `${folder}/${code}.md`
    if (!pages.includes(path)) findings.push({ path: codesFile, line, text: `\`${code}\` has no page ${path}` })
    else findings.push(...checkPage(root, path, code))
  }
  const codeOf = (path: string): string => path.slice(folder.length + 1, -'.md'.length)
  const extra = pages.filter((path) => codeOf(path) !== 'README' && !codes.has(codeOf(path)))
  return [...findings, ...extra.map((path) => ({ path, line: 1, text: 'no fault has this code: remove the page' }))]
}

function readCodes(root: string): Map<string, number> {
  const source = readSource(root, codesFile)
  const codes = new Map<string, number>()
  walk(source.body, (node) => {
    const key = node.type === 'Property' ? (node['key'] as SyntaxNode) : undefined
    const value = key?.['value']
    if (typeof value === 'string' && /^[a-z]+\.[a-z0-9_]+$/.test(value)) codes.set(value, source.lineAt(node.start))
  })
  return codes
}

function checkPage(root: string, path: string, code: string): Finding[] {
  const text = readFileSync(join(root, path), 'utf8')
  const findings: Finding[] = []
  if (!text.startsWith(`# \`${code}\`\n`))
    findings.push({ path, line: 1, text: `does not begin with \`# \`${code}\`\`` })
  for (const section of sections) {
    if (!text.includes(`\n## ${section}\n`)) findings.push({ path, line: 1, text: `has no section \`${section}\`` })
  }
  return findings
}
