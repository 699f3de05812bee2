import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { limits, measure } from './ratchet/sizes.ts'
import type { Measure } from './ratchet/sizes.ts'
import { readSources, writeFindings } from './source.ts'
import type { Finding, Source } from './source.ts'

/** A present breach of a limit that is borne for now, with the value that it may not exceed. */
interface Exception {
  readonly rule: string
  readonly path: string
  readonly name?: string
  readonly value: number
}

const folders = ['server/src', 'server/test', 'server/bin', 'console/src', 'guard/src', 'guard/test', 'tools', 'bench']
const list = 'tools/ratchet.json'
const vagueWords = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'shared', 'misc'])

/**
 * Checks sizes, names and barrels. What exceeds a limit today stands in `tools/ratchet.json` with its value: the list
 * may only shrink, so an entry that is no longer needed, or needs less, is itself a finding.
 *
 * @param root The folder of the checkout.
 * @returns What is wrong, empty when nothing is.
 */
export function checkRatchets(root: string): Finding[] {
  const sources = readSources(root, folders)
  const exceptions = readExceptions(root)
  const measures = sources.flatMap(measure)
  return [
    ...measures.flatMap((item) => checkMeasure(item, exceptions)),
    ...checkExceptions(measures, exceptions),
    ...sources.flatMap(({ path }) => checkName(path)),
    ...sources.flatMap(checkBarrel),
  ]
}

function readExceptions(root: string): Exception[] {
  if (!existsSync(join(root, list))) return []
  return (JSON.parse(readFileSync(join(root, list), 'utf8')) as { exceptions: Exception[] }).exceptions
}

function isFor(exception: Exception, item: Measure): boolean {
  return exception.rule === item.rule && exception.path === item.path && (exception.name ?? '') === item.name
}

function checkMeasure(item: Measure, exceptions: readonly Exception[]): Finding[] {
  const limit = limits[item.rule]
  if (limit === undefined || item.value <= limit.most) return []
  const borne = exceptions.find((exception) => isFor(exception, item))
  if (borne !== undefined && item.value <= borne.value) return []
  const what = item.name === '' ? 'the file' : item.name
  return [
    {
      path: item.path,
      line: item.line,
      text: `${what} has ${item.value} ${limit.unit}, the most is ${borne?.value ?? limit.most}`,
    },
  ]
}

function checkExceptions(measures: readonly Measure[], exceptions: readonly Exception[]): Finding[] {
  return exceptions.flatMap((exception) => {
    const most = limits[exception.rule]?.most ?? 0
    const values = measures.filter((item) => isFor(exception, item) && item.value > most).map((item) => item.value)
    const needed = Math.max(0, ...values)
    if (needed >= exception.value) return []
    const advice = needed === 0 ? 'remove the entry' : `lower the entry to ${needed}`
    return [{ path: list, line: 1, text: `${exception.rule} of ${exception.path} has become better: ${advice}` }]
  })
}

function checkName(path: string): Finding[] {
  const findings: Finding[] = []
  const wrong = (text: string): void => void findings.push({ path, line: 1, text })
  const file = path.split('/').at(-1) ?? ''
  if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*$/.test(file)) wrong('the file is not named in kebab-case')
  const vague = path.split(/[/.-]/).find((word) => vagueWords.has(word))
  if (vague !== undefined) wrong(`the name says \`${vague}\`, which says nothing: name it after what it does`)
  return findings
}

function checkBarrel(source: Source): Finding[] {
  const all = source.body.find((node) => node.type === 'ExportAllDeclaration')
  const reexport = (type: string, from: unknown): boolean =>
    type === 'ExportAllDeclaration' || (type === 'ExportNamedDeclaration' && Boolean(from))
  const others = source.body.filter(({ type, source: from }) => type !== 'ImportDeclaration' && !reexport(type, from))
  const barrel =
    all ?? (others.length === 0 ? source.body.find((node) => reexport(node.type, node['source'])) : undefined)
  if (barrel === undefined) return []
  const line = source.lineAt(barrel.start)
  return [{ path: source.path, line, text: 're-exports what others define: import it from where it is' }]
}

if (import.meta.main) {
  const findings = checkRatchets(process.cwd())
  process.stdout.write(writeFindings(findings))
  process.exitCode = findings.length === 0 ? 0 : 1
}
