import type { EventData, TestsStream } from 'node:test'
import { relative } from 'node:path'

/** What a run of tests came to. */
export interface Summary {
  readonly failed: number
  readonly executed: number
}

interface FileResult {
  passed: number
  failed: number
  skipped: number
  milliseconds: number
}

/**
 * Writes a run of tests for people: a line for each file, what failed with its reason, and node's own summary last.
 *
 * The last word of a file is its summary. A file that was not heard to the end fails, whatever was heard: nobody knows
 * what its other tests came to.
 *
 * @param stream What `run()` of node:test returns.
 * @param write Where the text goes.
 * @param expected The files that were run, as absolute paths.
 * @returns How many tests were executed and failed; a file that holds no test, or was not heard to the end, counts as
 *   failed.
 */
export async function reportTests(
  stream: TestsStream,
  write: (text: string) => void,
  expected: readonly string[] = [],
): Promise<Summary> {
  const files = new Map<string, FileResult>()
  const failures: string[] = []
  const totals: string[] = []
  let executed = 0
  const told = new Set<string>()
  const tell = (file: string): void => {
    told.add(file)
    write(lineOf(file, files.get(file)))
  }
  for await (const event of stream) {
    if (event.type === 'test:pass' || event.type === 'test:fail') {
      const failure = noteTest(files, event.type === 'test:pass', event.data)
      if (failure !== undefined) failures.push(failure)
      if (isCounted(event.data)) executed++
      if (event.data.name === event.data.file) tell(event.data.file)
    } else if (event.type === 'test:diagnostic' && event.data.nesting === 0 && event.data.file === undefined) {
      totals.push(event.data.message)
    } else if (event.type === 'test:stderr' || event.type === 'test:stdout') {
      write(event.data.message)
    } else if (event.type === 'test:summary' && event.data.file !== undefined) {
      tell(event.data.file)
    }
  }
  for (const file of expected) if (!told.has(file)) failures.push(failureOfLost(file, files.get(file)))
  for (const failure of failures) write(failure)
  write(`\n${totals.map((total) => `# ${total}\n`).join('')}`)
  return { failed: failures.length, executed }
}

type Result = EventData.TestPass | EventData.TestFail

/** True for tests; suites and the files around them only group. */
function isCounted(data: Result): boolean {
  return data.details.type !== 'suite' && data.name !== data.file && data.skip === undefined
}

function noteTest(files: Map<string, FileResult>, passed: boolean, data: Result): string | undefined {
  const file = data.file ?? 'unknown'
  const result = files.get(file) ?? { passed: 0, failed: 0, skipped: 0, milliseconds: 0 }
  files.set(file, result)
  if (data.nesting === 0) result.milliseconds += data.details.duration_ms
  const where = `${relative(process.cwd(), file)}${data.line === undefined ? '' : `:${data.line}`}`
  if (passed && data.name === data.file) {
    result.failed++
    return `\n✖ ${where} holds no test\n`
  }
  if (passed) {
    if (data.skip !== undefined) result.skipped++
    else if (data.details.type !== 'suite') result.passed++
    return undefined
  }
  if (data.todo !== undefined) return undefined
  result.failed++
  const { error } = (data as EventData.TestFail).details
  return `\n✖ ${where} ${data.name}\n${indent(reasonOf(error))}\n`
}

function reasonOf(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause : error
  const code = (error as { failureType?: string }).failureType
  // The failure of a group only repeats that one of its tests failed.
  return code === 'subtestsFailed' ? error.message : (cause.stack ?? cause.message)
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '    ')
}

function failureOfLost(file: string, result: FileResult | undefined): string {
  const heard = result === undefined ? 'nothing' : `${result.passed} passed, ${result.failed} FAILED`
  return `\n✖ ${relative(process.cwd(), file)} was not heard to the end: ${heard}, then no summary\n`
}

function lineOf(file: string, result: FileResult | undefined): string {
  if (result === undefined) return ''
  const { passed, failed, skipped, milliseconds } = result
  const counts = [`${passed} passed`, failed > 0 ? `${failed} FAILED` : '', skipped > 0 ? `${skipped} skipped` : '']
  const mark = failed > 0 ? '✖' : '✔'
  return `  ${mark} ${relative(process.cwd(), file)}: ${counts.filter(Boolean).join(', ')} (${Math.round(milliseconds)} ms)\n`
}
