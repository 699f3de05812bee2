import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

// An upstream over stdio whose tools stand in a file, so that they can drift.
const [path] = process.argv.slice(2) as [string]

interface Message {
  id?: number | string
  method?: string
  params?: { protocolVersion?: string }
}

function answerTo({ method, params }: Message): object | undefined {
  if (method === 'initialize') {
    const serverInfo = { name: 'matrix', version: '1' }
    return { protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo }
  }
  if (method === 'tools/list') return { tools: JSON.parse(readFileSync(path, 'utf8')) as unknown }
  return method === 'tools/call' ? { content: [{ type: 'text', text: 'done' }] } : undefined
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line) as Message
  if (message.id === undefined) return
  const result = answerTo(message)
  const answer = result === undefined ? { error: { code: -32601, message: 'Method not found' } } : { result }
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: message.id, ...answer })}\n`)
})
