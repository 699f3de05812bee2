import { existsSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { findCycles } from './floors/cycles.ts'
import { floors, layering, locks, sealed } from './floors/rules.ts'
import type { Lock } from './floors/rules.ts'
import { findUses } from './floors/uses.ts'
import { isTest, readSources, writeFindings } from './source.ts'
import type { Finding, Import, Source } from './source.ts'

const home = 'server/src/'

/**
 * Checks that imports go down, that closets stay private, and that the locked doors are shut: DESIGN section 3, the
 * rules as data in `floors/rules.ts`. Tests may import what they like, in no circle.
 *
 * @param root The folder of the checkout.
 * @returns What is wrong, empty when nothing is.
 */
export function checkFloors(root: string): Finding[] {
  const sources = readSources(root, ['server/src', 'server/test'])
  const packages = readDependencies(root)
  const production = sources.filter((source) => source.path.startsWith(home) && !isTest(source.path))
  return [
    ...production.flatMap((source) => source.imports.flatMap((item) => checkImport(source, item, packages))),
    ...production.flatMap(checkLocks),
    ...checkSealed(production),
    ...checkCycles(sources),
  ]
}

function checkImport(source: Source, item: Import, packages: ReadonlySet<string>): Finding[] {
  const wrong = (reason: string): Finding[] => [
    { path: source.path, line: item.line, text: `imports ${item.specifier}: ${reason}` },
  ]
  const room = roomOf(source.path)
  if (floors[room] === undefined) return wrong(layering.unknownRoom)
  if (item.specifier.startsWith('(')) return wrong(layering.computed)
  if (item.file === undefined) return isDeclared(item.specifier, packages) ? [] : wrong(layering.undeclared)
  if (!item.file.startsWith(home)) return wrong(layering.outside)
  if (isTest(item.file)) return wrong(layering.test)
  const other = roomOf(item.file)
  if (other === room) return []
  const [from, to] = [floors[room], floors[other]]
  if (to === undefined) return wrong(layering.unknownRoom)
  if (to > from) return wrong(`${layering.upward} (${room} is on floor ${from}, ${other} on ${to})`)
  if (to === from) return wrong(`${layering.strangers} (${room} and ${other})`)
  const depth = item.file.slice(home.length).split('/').length
  return depth > 2 ? wrong(`${layering.closet} (${other})`) : []
}

/** The room of a file: the folder below `server/src`; `main.ts`, what lies beside it, and `cli/` are the doors. */
function roomOf(path: string): string {
  const [first = '', second] = path.slice(home.length).split('/')
  return first === 'cli' || second === undefined ? 'doors' : first
}

function isDeclared(specifier: string, packages: ReadonlySet<string>): boolean {
  if (specifier.startsWith('node:'))
    return builtinModules.includes(specifier.slice(5)) || builtinModules.includes(specifier)
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  return packages.has(name)
}

function readDependencies(root: string): Set<string> {
  const file = join(root, 'server/package.json')
  if (!existsSync(file)) return new Set()
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, string> | undefined>
  const kinds = ['dependencies', 'optionalDependencies', 'peerDependencies']
  return new Set(kinds.flatMap((kind) => Object.keys(manifest[kind] ?? {})))
}

function checkLocks(source: Source): Finding[] {
  const path = source.path.slice(home.length)
  const shut = locks.filter((lock) => lock.key?.test(path) !== true && lock.inside?.test(path) !== false)
  const found = (line: number, text: string): Finding => ({ path: source.path, line, text })
  const uses = findUses(source)
  return shut.flatMap((lock) => [
    ...source.imports
      .filter((item) => matches(item.specifier, lock.imports ?? []) && !(item.typeOnly && lock.types === true))
      .filter((item) => takesLocked(item, lock))
      .map((item) => found(item.line, `imports ${item.specifier}: ${lock.reason}`)),
    ...uses
      .filter(({ what }) => lock.uses?.includes(what))
      .map(({ what, offset }) => found(source.lineAt(offset), `uses ${what}: ${lock.reason}`)),
  ])
}

function matches(specifier: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? specifier.startsWith(pattern.slice(0, -1)) : specifier === pattern,
  )
}

function takesLocked(item: Import, lock: Lock): boolean {
  if (lock.names !== undefined) return item.names.some((name) => name === '*' || lock.names?.includes(name))
  if (lock.harmless === undefined || item.names.length === 0) return true
  return item.names.some((name) => !lock.harmless?.includes(name))
}

function checkSealed(sources: readonly Source[]): Finding[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  return sealed.flatMap((rule) => {
    const findings: Finding[] = []
    const seen = new Set<string>()
    const visit = (path: string, way: string): void => {
      const source = byPath.get(path)
      if (source === undefined || seen.has(path)) return
      seen.add(path)
      for (const item of source.imports.filter(({ typeOnly }) => !typeOnly)) {
        const inner = item.file?.slice(home.length)
        const bad = inner === undefined ? matches(item.specifier, rule.withoutImports) : rule.without.test(inner)
        const text = `imports ${item.specifier}, so ${way} does: ${rule.reason}`
        if (bad) findings.push({ path, line: item.line, text })
        else if (item.file !== undefined) visit(item.file, way)
      }
    }
    visit(home + rule.file, rule.file)
    return findings
  })
}

function checkCycles(sources: readonly Source[]): Finding[] {
  const imports = new Map(
    sources.map((source) => [source.path, source.imports.map(({ file }) => file).filter((file) => file !== undefined)]),
  )
  return findCycles(imports).map((cycle) => {
    const [path = '', next = path] = cycle
    const line = sources.find((source) => source.path === path)?.imports.find((item) => item.file === next)?.line ?? 1
    return { path, line, text: `imports in a circle, ${[...cycle, path].join(' → ')}: ${layering.cycle}` }
  })
}

if (import.meta.main) {
  const findings = checkFloors(process.cwd())
  process.stdout.write(writeFindings(findings))
  process.exitCode = findings.length === 0 ? 0 : 1
}
