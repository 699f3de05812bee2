import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { listFiles } from '../source.ts'
import type { Finding } from '../source.ts'

const required = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'LICENSE']

/** Checks the pages for people: they exist, their relative links lead somewhere, and their commands are real. */
export function checkPages(root: string): Finding[] {
  const missing = required.filter((path) => !existsSync(join(root, path)))
  const pages = listFiles(root, ['.'], (path) => path.endsWith('.md'))
  return [
    ...missing.map((path) => ({ path, line: 1, text: 'is missing' })),
    ...pages.flatMap((path) => checkPage(root, path)),
    ...checkChangelog(root),
  ]
}

function checkPage(root: string, path: string): Finding[] {
  const findings: Finding[] = []
  const scripts = readScripts(root)
  let fenced = false
  for (const [index, line] of readFileSync(join(root, path), 'utf8').split('\n').entries()) {
    if (/^\s*(```|~~~)/.test(line)) fenced = !fenced
    const wrong = (text: string): void => void findings.push({ path, line: index + 1, text })
    for (const target of fenced ? [] : linksOf(line)) {
      const problem = problemOf(root, path, target)
      if (problem !== undefined) wrong(problem)
    }
    for (const [, script = ''] of line.matchAll(/\bnpm (?:run )?(start|test|(?<=run )[a-z][\w:-]*)\b/g)) {
      if (!scripts.has(script)) wrong(`\`npm run ${script}\` is no script of package.json`)
    }
  }
  return findings
}

function linksOf(line: string): string[] {
  const prose = line.replaceAll(/`[^`]*`/g, '')
  const found = [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g), ...prose.matchAll(/^\[[^\]]+\]:\s+(\S+)/g)]
  return found.map((match) => match[1] ?? '').filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target))
}

function problemOf(root: string, path: string, target: string): string | undefined {
  const [file = '', anchor] = decodeURI(target).split('#')
  const to = file === '' ? path : posix.join(posix.dirname(path), file)
  if (to.startsWith('..')) return `links to ${target}, outside the repository`
  if (!existsSync(join(root, to))) return `links to ${target}, which does not exist`
  if (anchor === undefined || !to.endsWith('.md')) return undefined
  return anchorsOf(readFileSync(join(root, to), 'utf8')).has(anchor) ? undefined : `links to ${target}: no such heading`
}

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of text.matchAll(/^#+\s+(.*)$/gm)) {
    const words = heading
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    const anchor = words.replaceAll(/\s/g, '-')
    let name = anchor
    for (let count = 1; anchors.has(name); count++) name = `${anchor}-${count}`
    anchors.add(name)
  }
  return anchors
}

function readScripts(root: string): Set<string> {
  const file = join(root, 'package.json')
  if (!existsSync(file)) return new Set()
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as { scripts?: Record<string, string> }
  return new Set(Object.keys(manifest.scripts ?? {}))
}

function checkChangelog(root: string): Finding[] {
  const path = 'CHANGELOG.md'
  if (!existsSync(join(root, path))) return []
  const text = readFileSync(join(root, path), 'utf8')
  return /^## \[?Unreleased\]?/m.test(text) ? [] : [{ path, line: 1, text: 'has no section `## Unreleased`' }]
}
