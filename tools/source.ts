import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { parseSync } from 'oxc-parser'

/** A node of the syntax tree, as the checkers walk it: ESTree with the offsets of its text. */
export interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

/** One import, re-export or dynamic import. */
export interface Import {
  /** As written: `./fault.ts`, `node:net`, `kysely`. */
  readonly specifier: string
  /** The file that a relative specifier names, from the root; `undefined` for packages. */
  readonly file: string | undefined
  /** What is taken: names, `default`, or `*` for everything. Erased types are left out. */
  readonly names: readonly string[]
  /** True when only types are taken: nothing of it is left at run time. */
  readonly typeOnly: boolean
  readonly line: number
}

/** A comment with the offsets of its text. */
export interface Comment {
  readonly type: 'Line' | 'Block'
  readonly value: string
  readonly start: number
  readonly end: number
}

/** One source file, parsed. */
export interface Source {
  /** From the root, with `/`. */
  readonly path: string
  readonly text: string
  readonly lines: number
  readonly body: readonly SyntaxNode[]
  readonly comments: readonly Comment[]
  readonly imports: readonly Import[]
  lineAt(offset: number): number
}

/** Something that a checker found wrong. */
export interface Finding {
  readonly path: string
  readonly line: number
  readonly text: string
}

const skipped = new Set(['node_modules', 'dist', '.git', '.sallyport', '.cache', 'coverage'])

/** Lists the files below some folders of the root, sorted, as paths from the root. A folder that is missing is empty. */
export function listFiles(root: string, folders: readonly string[], wanted: (path: string) => boolean): string[] {
  const found: string[] = []
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name)
      if (entry.isDirectory() && !skipped.has(entry.name)) walk(path)
      else if (entry.isFile() && wanted(path)) found.push(path)
    }
  }
  for (const folder of folders) {
    if (statSync(join(root, folder), { throwIfNoEntry: false })?.isDirectory()) walk(folder)
  }
  return found.toSorted()
}

/** True for tests and for what only tests use. */
export function isTest(path: string): boolean {
  return /\.test\.[jt]sx?$/.test(path) || /(^|\/)test\//.test(path)
}

/** Reads and parses the sources below some folders of the root. */
export function readSources(root: string, folders: readonly string[]): Source[] {
  return listFiles(root, folders, (path) => /\.[cm]?[jt]sx?$/.test(path)).map((path) => readSource(root, path))
}

/**
 * Reads and parses one source file.
 *
 * @throws {Error} When it is not TypeScript or JavaScript; the message names file and line.
 */
export function readSource(root: string, path: string): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  const lineAt = (offset: number): number => starts.findLastIndex((start) => start <= offset) + 1
  const parsed = parseSync(path, text)
  const wrong = parsed.errors[0]
  if (wrong !== undefined) throw new Error(`${path}:${lineAt(wrong.labels[0]?.start ?? 0)} ${wrong.message}`)
  return {
    path,
    text,
    lines: text.endsWith('\n') ? starts.length - 1 : starts.length,
    body: parsed.program.body as unknown as SyntaxNode[],
    comments: parsed.comments,
    imports: readImports({ path, text, lineAt }, parsed.module),
    lineAt,
  }
}

type Module = ReturnType<typeof parseSync>['module']

function readImports(file: Pick<Source, 'path' | 'text' | 'lineAt'>, module: Module): Import[] {
  const { path, text, lineAt } = file
  const imports: Import[] = []
  const add = (specifier: string, start: number, entries: readonly { name: string; isType: boolean }[]): void => {
    const kept = entries.filter((entry) => !entry.isType).map((entry) => entry.name)
    const target = specifier.startsWith('.') ? posix.normalize(posix.join(dirname(path), specifier)) : undefined
    const typeOnly = entries.length > 0 && kept.length === 0
    imports.push({ specifier, file: target, names: kept, typeOnly, line: lineAt(start) })
  }
  const nameOf = (name: { kind: string; name?: string | null | undefined }): string =>
    name.kind === 'Default' ? 'default' : (name.name ?? '*')
  for (const item of module.staticImports) {
    const entries = item.entries.map((entry) => ({ name: nameOf(entry.importName), isType: entry.isType }))
    add(item.moduleRequest.value, item.start, entries)
  }
  for (const item of module.staticExports) {
    const from = item.entries.find((entry) => entry.moduleRequest !== null)?.moduleRequest
    if (!from) continue
    const entries = item.entries.map((entry) => ({ name: nameOf(entry.importName), isType: entry.isType }))
    add(from.value, item.start, entries)
  }
  for (const item of module.dynamicImports) {
    const written = text.slice(item.moduleRequest.start, item.moduleRequest.end)
    // A computed specifier cannot be judged; it is kept in brackets, which no rule allows.
    const specifier = /^(['"`])([^'"`$]*)\1$/.exec(written)?.[2] ?? `(${written})`
    add(specifier, item.start, [{ name: '*', isType: false }])
  }
  return imports
}

/** Walks a syntax tree; `visit` returns false to leave out what is below a node. */
export function walk(node: unknown, visit: (node: SyntaxNode, parent?: SyntaxNode) => boolean | void): void {
  const step = (value: unknown, parent?: SyntaxNode): void => {
    if (Array.isArray(value)) {
      for (const item of value) step(item, parent)
    } else if (isNode(value)) {
      if (visit(value, parent) === false) return
      for (const key of Object.keys(value)) step(value[key], value)
    }
  }
  step(node)
}

/** True for a node of the syntax tree. */
export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
}

/** Writes findings as `file:line text`, one a line, sorted. */
export function writeFindings(findings: readonly Finding[]): string {
  return findings
    .map(({ path, line, text }) => ({ at: `${path}:${String(line).padStart(6)}`, line: `${path}:${line} ${text}` }))
    .toSorted((a, b) => (a.at < b.at ? -1 : 1))
    .map((item) => `${item.line}\n`)
    .join('')
}
