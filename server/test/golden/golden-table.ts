import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { classify } from '../../src/inventory/classify.ts'
import type { Classification } from '../../src/inventory/classify.ts'
import type { ToolDefinition } from '../../src/model/tool-definition.ts'

export type Table = Record<string, Classification>

export function tableOf(tools: readonly ToolDefinition[]): Table {
  return Object.fromEntries(tools.map((tool) => [tool.name, classify(tool)]))
}

/** Holds a table against the file; with `UPDATE_GOLDEN=1` the file is written anew, to be read in the diff. */
export function assertGolden(file: URL, table: Table): void {
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, `${JSON.stringify(table, null, 2)}\n`)
  assert.deepEqual(table, JSON.parse(readFileSync(file, 'utf8')))
}
