import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'
import { readItem } from '../../src/inventory/definition.ts'
import type { ToolDefinition } from '../../src/model/tool-definition.ts'

interface Message {
  id?: number
  result?: { tools: unknown[] }
}

/** Runs a genuine MCP server of the registry as a child process, offline, and asks it for its tools. */
export async function listTools(modulePath: string, parameters: readonly string[] = []): Promise<ToolDefinition[]> {
  const script = fileURLToPath(new URL(`../../../node_modules/${modulePath}`, import.meta.url))
  const child = spawn(process.execPath, [script, ...parameters], { stdio: ['pipe', 'pipe', 'ignore'], env: {} })
  const say = (message: object) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  try {
    say({
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'golden', version: '1' } },
    })
    for await (const line of createInterface({ input: child.stdout })) {
      const message = JSON.parse(line) as Message
      if (message.id === 1) {
        say({ method: 'notifications/initialized' })
        say({ id: 2, method: 'tools/list', params: {} })
      }
      if (message.id === 2) return (message.result?.tools ?? []).map((tool) => readItem(tool).definition as ToolDefinition)
    }
    throw new Error(`${modulePath} ended without listing its tools`)
  } finally {
    child.kill()
  }
}
