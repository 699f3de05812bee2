// Usage: NOTES_TOKEN=... node examples/own-server/serve.js [port]
import { serve } from '@hono/node-server'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'

const token = process.env.NOTES_TOKEN
if (!token) throw new Error('set NOTES_TOKEN to the credential that callers must show')
const port = Number(process.argv[2] ?? 8750)

const notes = new Map([['1', 'Bees need water too.']])
const answer = (text) => ({ content: [{ type: 'text', text }] })

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'notes', version: '1.0.0' })
  server.registerTool('list_notes', { description: 'Lists all notes.', inputSchema: z.object({}) }, () =>
    answer([...notes].map(([id, text]) => `${id}: ${text}`).join('\n')),
  )
  server.registerTool(
    'create_note',
    { description: 'Creates a note.', inputSchema: z.object({ text: z.string() }) },
    ({ text }) => {
      const id = String(notes.size + 1)
      notes.set(id, text)
      return answer(`created ${id}`)
    },
  )
  server.registerTool(
    'delete_note',
    { description: 'Deletes a note for good.', inputSchema: z.object({ note_id: z.string() }) },
    ({ note_id: id }) => answer(notes.delete(id) ? `deleted ${id}` : `there is no note ${id}`),
  )
  return server
})

serve({
  hostname: '127.0.0.1',
  port,
  // Only the gateway has the credential: whoever comes past it is refused.
  fetch: (request) =>
    request.headers.get('authorization') === `Bearer ${token}`
      ? handler.fetch(request)
      : new Response('unauthorized', { status: 401 }),
})
console.log(`An MCP server is at http://127.0.0.1:${port}/mcp`)
