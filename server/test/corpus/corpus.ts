import { readFileSync } from 'node:fs'

/** The rows of a corpus beside this file, by its columns. */
export function readCorpus(name: string): string[][] {
  const text = readFileSync(new URL(`${name}.tsv`, import.meta.url), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# '))
    .map((line) => line.split('\t'))
}

/** The bytes that a column stands for: `⟦hex⟧` are bytes, `⟦hex*n⟧` n times. */
export function bytesOf(column: string): Buffer {
  const parts: Buffer[] = []
  let last = 0
  for (const match of column.matchAll(/⟦([0-9a-f]+)(?:\*(\d+))?⟧/g)) {
    parts.push(Buffer.from(column.slice(last, match.index)))
    const bytes = Buffer.from(match[1]!, 'hex')
    parts.push(Buffer.alloc(bytes.byteLength * Number(match[2] ?? 1), bytes))
    last = match.index + match[0].length
  }
  parts.push(Buffer.from(column.slice(last)))
  return Buffer.concat(parts)
}
