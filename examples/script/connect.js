// Usage: node examples/script/connect.js [address] [tool] [arguments as JSON]
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline/promises'
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client'

const [address = 'http://127.0.0.1:8700/mcp/memory', name = 'read_graph', text = '{}'] = process.argv.slice(2)

// The browser brings the answer of the consent page to a port of this machine.
const callback = createServer().listen(0, '127.0.0.1')
await once(callback, 'listening')
const redirectUrl = `http://127.0.0.1:${callback.address().port}/callback`

// What the client remembers. A program that runs more than once keeps `registration` and `tokens` where only it can read.
let registration, tokens, verifier, discovered
const state = randomUUID()
const authProvider = {
  redirectUrl,
  clientMetadata: {
    client_name: 'Example script',
    redirect_uris: [redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  },
  state: () => state,
  clientInformation: () => registration,
  saveClientInformation: (given) => void (registration = given),
  tokens: () => tokens,
  saveTokens: (given) => void (tokens = given),
  codeVerifier: () => verifier,
  saveCodeVerifier: (given) => void (verifier = given),
  discoveryState: () => discovered,
  saveDiscoveryState: (given) => void (discovered = given),
  redirectToAuthorization: (url) => console.log(`Open this address, and choose what the script may use:\n\n${url}\n`),
}

async function answerOfBrowser() {
  const [request, response] = await once(callback, 'request')
  response.end('Done. You can close this tab.')
  const answer = new URL(request.url, redirectUrl).searchParams
  if (answer.get('state') !== state) throw new Error('this answer belongs to another request')
  return answer
}

const client = new Client({ name: 'example-script', version: '1.0.0' })
const transport = new StreamableHTTPClientTransport(new URL(address), { authProvider })
try {
  await client.connect(transport)
} catch (error) {
  if (!(error instanceof UnauthorizedError)) throw error
  await transport.finishAuth(await answerOfBrowser())
  await client.connect(new StreamableHTTPClientTransport(new URL(address), { authProvider }))
}
callback.close()

const { tools } = await client.listTools()
console.log(`It may use: ${tools.map((tool) => tool.name).join(', ')}`)

const call = () => client.callTool({ name, arguments: JSON.parse(text) })
let result = await call()
const approval = result._meta?.['sallyport/approval']
if (approval?.state === 'pending') {
  console.log(`This call needs the approval of somebody else, until ${approval.expiresAt}:\n\n${approval.url}\n`)
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  await terminal.question('Press Enter when it is approved: ')
  terminal.close()
  result = await call()
}
for (const part of result.content) console.log(part.text)
process.exitCode = result.isError ? 1 : 0
await client.close()
