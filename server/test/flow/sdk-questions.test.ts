import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { connectAll, openFakeHouse } from '../fake-house.ts'

// The official SDK's client answers what upstreams ask, in either era, of upstreams of either era.

const form = { action: 'accept' as const, content: { name: 'Ana' } }
const sampled = { role: 'assistant' as const, content: { type: 'text' as const, text: 'hm' }, model: 'm' }

for (const era of ['legacy', 'modern'] as const) {
  for (const behind of ['legacy', 'modern'] as const) {
    test(`an SDK client of the ${era} era answers a ${behind} upstream`, async (t) => {
      const { house } = await openFakeHouse(t, { fake: { era: behind, sessions: behind === 'legacy' } })
      const { agent } = await connectAll(house)
      const capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} }
      const mode = era === 'modern' ? { pin: '2026-07-28' } : ('legacy' as const)
      const options = { capabilities, versionNegotiation: { mode } }
      const client = new Client({ name: 'an SDK client', version: '1.0.0' }, options)
      const asked: string[] = []
      client.setRequestHandler('elicitation/create', async ({ params }) => {
        asked.push(params.mode === 'url' ? params.url : params.message)
        return params.mode === 'url' ? { action: 'accept' as const } : form
      })
      client.setRequestHandler('sampling/createMessage', async () => sampled)
      client.setRequestHandler('roots/list', async () => ({ roots: [{ uri: 'file:///a' }] }))
      const headers = { authorization: `Bearer ${agent.tokens.access_token}` }
      await client.connect(new StreamableHTTPClientTransport(new URL(agent.resource), { requestInit: { headers } }))
      t.after(() => client.close())
      const told = async (name: string): Promise<unknown> => {
        const { content } = (await client.callTool({ name, arguments: {} })) as { content: { text: string }[] }
        return JSON.parse(content[0]!.text)
      }
      assert.deepEqual(await told('ask_form'), form)
      assert.deepEqual(await told('ask_url'), { action: 'accept' })
      assert.deepEqual(await told('ask_sampling'), sampled)
      assert.deepEqual(await told('ask_roots'), { roots: [{ uri: 'file:///a' }] })
      assert.deepEqual(asked, ['Your name?', 'https://pay.example/1'])
    })
  }
}
