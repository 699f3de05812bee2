/**
 * How the process of a test file ends: once its tests have, whatever they left open, and with all its words said.
 *
 * A test that failed may leave a server open, so the end is forced; but `process.exit()` drops what the pipe to the
 * runner did not take yet, and a file that says much in little time lost its last results by it.
 */
export const endingArgs: readonly string[] = [
  '--test-force-exit',
  `--import=${import.meta.resolve('./blocking-output.ts')}`,
]
