/** Lays cells out in columns: the first to the left, numbers to the right. */
export function formatTable(head: string[], rows: string[][]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)))
  const line = (row: string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ')
  return [line(head), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n')
}

/** The head of a table of ways to make one call: to be filled in this order, a row for each way. */
export function callColumns(crowd: number): string[] {
  const [many, one] = [`ms, ${crowd}`, 'ms, 1']
  const latencies = [many, one].flatMap((of) => [`p50 ${of}`, `p99 ${of}`])
  return ['', `calls/s, ${crowd} clients`, 'CPU µs a call', ...latencies, 'MB']
}
