import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compileRules } from '../../src/gateway/arguments/rules.ts'
import { readApi } from '../../src/gateway/upstream/openapi/api.ts'
import { classify } from '../../src/inventory/classify.ts'
import { definitionBytesMax, readItem } from '../../src/inventory/definition.ts'
import type { ToolDefinition } from '../../src/model/tool-definition.ts'

// Public APIs as their makers describe them, out of packages that carry the descriptions: what becomes of each.
const file = new URL('public-apis.json', import.meta.url)
const golden = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
const documents: Record<string, string> = {
  github: '@octokit/openapi/generated/api.github.com.json',
  figma: '@figma/rest-api-spec/openapi/openapi.yaml',
  rclone: 'rclone-openapi/openapi.json',
}

const graver = { read: 0, write: 1, destructive: 2 }
const least: Record<string, keyof typeof graver> = {
  GET: 'read',
  POST: 'write',
  PUT: 'write',
  PATCH: 'write',
  DELETE: 'destructive',
}

for (const [name, path] of Object.entries(documents)) {
  test(`the API of ${name} is read as the golden numbers say, each tool at least as grave as its method`, () => {
    const api = readApi(readFileSync(packaged(path), 'utf8'), undefined)
    const effects: Record<string, number> = {}
    for (const { definition, operation } of api.tools.values()) {
      // What the inventory and the gateway do with every definition of a stranger.
      readItem(definition)
      compileRules(definition['inputSchema'], [])
      const { effect } = classify(definition as unknown as ToolDefinition)
      assert.ok(graver[effect] >= graver[least[operation.method]!], `${operation.method} ${operation.path} is ${effect}`)
      assert.ok(Buffer.byteLength(JSON.stringify(definition)) <= definitionBytesMax)
      const key = `${operation.method} ${effect}`
      effects[key] = (effects[key] ?? 0) + 1
    }
    const found = { base: api.base.href, digest: api.digest, tools: api.tools.size, effects, leftOut: api.leftOut }
    if (process.env['UPDATE_GOLDEN'] === '1') {
      golden[name] = found
      writeFileSync(file, `${JSON.stringify(golden, null, 2)}\n`)
    }
    assert.deepEqual(found, golden[name])
  })
}

function packaged(path: string): string {
  return fileURLToPath(new URL(`../../../node_modules/${path}`, import.meta.url))
}
