/**
 * Finds the circles among files that import each other, each once, starting at its first file by name.
 *
 * @param imports For each file the files that it imports.
 */
export function findCycles(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): void => {
    const at = path.indexOf(file)
    if (at !== -1) cycles.push(path.slice(at))
    if (at !== -1 || done.has(file)) return
    path.push(file)
    for (const next of imports.get(file) ?? []) visit(next)
    path.pop()
    done.add(file)
  }
  for (const file of [...imports.keys()].toSorted()) visit(file)
  return cycles
}
