import { digestOf } from '../base/ids.ts'
import { visible } from '../base/visible.ts'

/** Largest arguments that are shown: above that nobody reads them, and nobody can approve what was not read. */
export const shownBytesMax = 64 * 1024

/** Arguments as an approver sees them. */
export type ShownArguments = {
  /** Length of the exact bytes. */
  bytes: number
  /** SHA-256 of the exact bytes, hexadecimal: what the approval is bound to. */
  digest: string
} & (
  | {
      complete: true
      /** One line each, indented. Joined without line ends and indentation they are the exact text, but for the marks. */
      lines: string[]
      /** How many characters are not printable ASCII: look-alike letters are among them, and marks stand for the unseen. */
      unusual: number
    }
  | { complete: false; why: string }
)

/**
 * Shows the exact arguments of a call to a person: indented, nothing left out, invisible characters as `⟨U+202E⟩`.
 *
 * The text itself is laid out, it is not parsed and written anew: what is shown is what is sent. Two texts that differ
 * never look the same.
 *
 * @param text Canonical JSON (RFC 8785), the bytes that would be sent.
 * @returns `complete: false` where they are too many to be shown in full; such a call cannot be approved.
 * @see spec/approval.md, "What is shown"
 */
export function showArguments(text: string): ShownArguments {
  const measured = { bytes: Buffer.byteLength(text), digest: digestOf(text) }
  if (measured.bytes > shownBytesMax) {
    const why = `these arguments are ${measured.bytes} bytes long; more than ${shownBytesMax} cannot be shown in full`
    return { ...measured, complete: false, why }
  }
  const unusual = text.match(/[^\x20-\x7e]/gu)?.length ?? 0
  return { ...measured, complete: true, unusual, lines: layOut(text).map((line) => visible(line)) }
}

// Strings, brackets and separators; numbers and words are what is left between them. An empty pair stays on its line.
const token = /"(?:[^"\\]|\\.)*"|\[\]|\{\}|[[\]{},:]|[^"[\]{},:]+/gsu

function layOut(text: string): string[] {
  const lines: string[] = []
  let line = ''
  let depth = 0
  const end = (): void => {
    lines.push(line)
    line = '  '.repeat(depth)
  }
  for (const [part] of text.matchAll(token)) {
    switch (part) {
      case '{':
      case '[':
        line += part
        depth += 1
        end()
        break
      case '}':
      case ']':
        depth -= 1
        end()
        line += part
        break
      case ',':
        line += part
        end()
        break
      case ':':
        line += ': '
        break
      default:
        line += part
    }
  }
  lines.push(line)
  return lines
}
