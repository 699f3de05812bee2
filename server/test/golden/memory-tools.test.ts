import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listTools } from './list-tools.ts'
import { assertGolden, tableOf } from './golden-table.ts'

const tools = await listTools('@modelcontextprotocol/server-memory/dist/index.js')
const table = tableOf(tools)

test('the 9 tools of the genuine memory server are classified as the golden table says', () => {
  assert.equal(tools.length, 9)
  assertGolden(new URL('memory-tools.json', import.meta.url), table)
})

test('the memory tools are what their own hints say, with the hints and without', () => {
  const silent = tableOf(tools.map((tool) => ({ ...tool, annotations: undefined })))
  for (const { name, annotations } of tools) {
    const effect = annotations?.readOnlyHint ? 'read' : annotations?.destructiveHint ? 'destructive' : 'write'
    assert.equal(table[name]?.effect, effect, name)
    assert.equal(silent[name]?.effect, effect, `${name} without hints`)
  }
})
