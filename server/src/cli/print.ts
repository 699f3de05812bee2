import { visible } from '../base/visible.ts'

/** What stands in a column: nothing is shown as nothing. */
export type Cell = string | number | undefined

/** Lays out rows in columns, as wide as their longest cell; whatever a terminal would obey is made visible. */
export function columns(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const shown = rows.map((row) => row.map((cell) => visible(cell === undefined ? '' : String(cell))))
  const widths = head.map((title, at) => Math.max(title.length, ...shown.map((row) => row[at]!.length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join('  ')
      .trimEnd()
  return [line(head.map((title) => title.toUpperCase())), ...shown.map(line)].join('\n')
}

/** Lays out names and values, one a line. */
export function facts(pairs: readonly (readonly [string, string | number])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length))
  return pairs.map(([name, value]) => `${`${name}:`.padEnd(width + 2)} ${visible(String(value))}`).join('\n')
}

/** An instant as people write it. */
export function time(at: number | undefined): string {
  return at === undefined ? '' : `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** Shows progress on one line of the error stream, where somebody watches. */
export function progress(verb: string): (done: number, all: number) => void {
  if (!process.stderr.isTTY) return () => undefined
  let shown = -1
  return (done, all) => {
    const percent = all === 0 ? 100 : Math.floor((done * 100) / all)
    if (percent === shown) return
    shown = percent
    process.stderr.write(`\r${verb} ${percent} % of ${all} entries${done === all ? '\n' : ''}`)
  }
}
