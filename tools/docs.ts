import { checkComments } from './docs/comments.ts'
import { checkFaults } from './docs/faults.ts'
import { checkPages } from './docs/pages.ts'
import { writeFindings } from './source.ts'
import type { Finding } from './source.ts'

/**
 * Checks that what is public is described: doc comments in halls, a page for each fault code, links and commands that
 * are real, a changelog that is open.
 *
 * @param root The folder of the checkout.
 * @returns What is wrong, empty when nothing is.
 */
export function checkDocs(root: string): Finding[] {
  return [...checkComments(root), ...checkFaults(root), ...checkPages(root)]
}

if (import.meta.main) {
  const findings = checkDocs(process.cwd())
  process.stdout.write(writeFindings(findings))
  process.exitCode = findings.length === 0 ? 0 : 1
}
