import { fsyncSync, openSync, writeSync } from 'node:fs'
import { openFakeMcpServer } from '../fake/mcp-server.ts'

// An upstream in a process of its own, that nobody kills. Each call is on its disk before it is answered: the journal is
// the oracle of what happened out there. Slow calls are answered when the parent says so.
const [path] = process.argv.slice(2) as [string]
const journal = openSync(path, 'a')
const waiting: (() => void)[] = []
const slow = new Set(['wait_note', 'wipe_slowly'])
const schema = { type: 'object', properties: { note: { type: 'string' } }, required: ['note'] }
const tool = (name: string, description: string) => ({ name, description, inputSchema: schema })

const fake = await openFakeMcpServer({
  era: 'modern',
  tools: [
    tool('put_note', 'Adds a note.'),
    tool('wait_note', 'Adds a note, slowly.'),
    tool('wipe_notes', 'Deletes all notes but one.'),
    tool('wipe_slowly', 'Deletes all notes but one, slowly.'),
  ],
  intercept({ message }, response) {
    fake.journal.length = 0
    if (message?.method !== 'tools/call') return false
    const { name, arguments: args } = message.params as { name: string; arguments: { note: string } }
    writeSync(journal, `${JSON.stringify({ tool: name, note: args.note })}\n`)
    fsyncSync(journal)
    if (!slow.has(name)) return false
    const result = { resultType: 'complete', content: [{ type: 'text', text: 'at last' }] }
    waiting.push(() =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result })),
    )
    return true
  },
})
process.on('message', () => {
  for (const answer of waiting.splice(0)) answer()
})
process.on('disconnect', () => process.exit(0))
process.send!(fake.url)
