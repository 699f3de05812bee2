import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One request as it arrived, byte for byte. */
export interface HeardRequest {
  method: string
  url: string
  headers: IncomingHttpHeaders
  body: string
  bytes: Buffer
  abandoned: boolean
}

/** A plain HTTP API with a journal and an OpenAPI document that describes it. */
export interface HttpApi {
  readonly url: string
  /** Where the document lies; `describe` writes another one there. */
  readonly file: string
  readonly journal: HeardRequest[]
  describe(document: Record<string, unknown>): void
  close(): Promise<void>
}

const json = (schema: object) => ({ content: { 'application/json': { schema } } })
const text = { type: 'string' }
const anything = { content: { 'application/json': { schema: {} } } }
const query = (name: string, more: object = {}) => ({ name, in: 'query', schema: text, ...more })

/** Operations that a test of every kind of upstream knows by name; `echo` tells its query, each value as JSON. */
export const contractPaths = {
  '/echo': {
    get: {
      operationId: 'echo',
      parameters: ['a', 'index', 'caller', 'n'].map((name) => ({ name, in: 'query', ...anything })),
    },
  },
  '/hang': { post: { operationId: 'hang' } },
  '/vanish': { post: { operationId: 'vanish' } },
  '/big_number': { get: { operationId: 'big_number' } },
  '/wrong': { get: { operationId: 'wrong' } },
  '/huge': { get: { operationId: 'huge' } },
}

/** A small API of a shop, with one operation for each thing that a document can say. */
export const shopPaths = {
  '/pets/{petId}': {
    parameters: [{ name: 'petId', in: 'path', required: true, schema: text }],
    get: {
      operationId: 'pets/get',
      summary: 'Get a pet',
      parameters: [query('fields', { explode: false, schema: { type: 'array', items: text } })],
    },
    put: {
      operationId: 'pets/update',
      summary: 'Update a pet',
      requestBody: { required: true, ...json({ $ref: '#/components/schemas/Pet' }) },
    },
    delete: { operationId: 'pets/delete', summary: 'Delete a pet' },
  },
  '/pets': {
    get: {
      operationId: 'listPets',
      parameters: [
        query('tag', { schema: { type: 'array', items: text } }),
        query('ids', { style: 'pipeDelimited', explode: false, schema: { type: 'array', items: text } }),
        query('filter', { style: 'deepObject', schema: { type: 'object', properties: { age: { type: 'integer' } } } }),
        { name: 'X-Trace', in: 'header', schema: text },
      ],
    },
    post: {
      operationId: 'create-pet',
      requestBody: {
        content: {
          'application/x-www-form-urlencoded': {
            schema: {
              type: 'object',
              properties: { name: text, tags: { type: 'array', items: text }, owner: { type: 'object' } },
            },
            encoding: { owner: { style: 'deepObject', explode: true } },
          },
        },
      },
    },
  },
  '/picture': { get: { operationId: 'picture' } },
  '/list': { get: { operationId: 'list' } },
  '/away': { get: { operationId: 'away' } },
  '/open': { get: { operationId: 'open', security: [] } },
  '/denied': { get: { operationId: 'denied' } },
  '/upload': { post: { operationId: 'upload', requestBody: { content: { 'multipart/form-data': { schema: {} } } } } },
  '/elsewhere': { get: { operationId: 'elsewhere', servers: [{ url: 'https://elsewhere.example' }] } },
  '/cookie': {
    get: { operationId: 'cookie', parameters: [{ name: 'sid', in: 'cookie', required: true, schema: text }] },
  },
}

export const shopComponents = {
  schemas: {
    Pet: {
      type: 'object',
      required: ['name', 'id'],
      properties: {
        id: { type: 'integer', readOnly: true },
        name: { type: 'string', nullable: true },
        parent: { $ref: '#/components/schemas/Pet' },
      },
    },
  },
  securitySchemes: {
    key: { type: 'apiKey', in: 'query', name: 'api_key' },
    bearer: { type: 'http', scheme: 'bearer' },
  },
}

/** A document with these paths, for this server. */
export function documentOf(url: string, paths: object, components: object = {}): Record<string, unknown> {
  const info = { title: 'fake-api', version: '1.2.3', description: 'Be kind.' }
  return { openapi: '3.1.0', info, servers: [{ url: `${url}/v1` }], paths, components }
}

/** Opens it on a free port of the loopback, with the document of the contract suite. */
export async function openHttpApi(): Promise<HttpApi> {
  const journal: HeardRequest[] = []
  const server = createServer((request, response) => void hear(journal, request, response))
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-api-'))
  const file = join(folder, 'openapi.json')
  const describe = (document: Record<string, unknown>) => writeFileSync(file, JSON.stringify(document))
  describe(documentOf(url, contractPaths))
  return {
    url,
    file,
    journal,
    describe,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function hear(journal: HeardRequest[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = []
  for await (const chunk of request) parts.push(chunk as Buffer)
  const { method = '', url = '', headers } = request
  const bytes = Buffer.concat(parts)
  const heard: HeardRequest = { method, url, headers, body: bytes.toString(), bytes, abandoned: false }
  journal.push(heard)
  response.once('close', () => (heard.abandoned = !response.writableFinished))
  answer(heard, response)
}

function answer({ method, url, body }: HeardRequest, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(url, 'http://fake')
  const say = (status: number, type: string, bytes: string | Buffer) =>
    void response.writeHead(status, { 'content-type': type }).end(bytes)
  switch (pathname.split('/')[2] ?? '') {
    case 'hang':
      return
    case 'vanish':
      response.socket?.destroy()
      return
    case 'echo': {
      const told = [...searchParams].map(([name, value]) => [name, JSON.parse(value)])
      return say(200, 'application/json', JSON.stringify(Object.fromEntries(told)))
    }
    case 'big_number':
      return say(200, 'application/json; charset=utf-8', '{"id":12345678901234567890,"half":1.50}')
    case 'huge':
      return say(200, 'text/plain', 'x'.repeat(5 * 1024 * 1024))
    case 'wrong':
      return say(422, 'application/json', '{"error":"it went wrong"}')
    case 'picture':
      return say(200, 'image/png', Buffer.from([1, 2, 3]))
    case 'list':
      return say(200, 'application/json', '[1,2]')
    case 'denied':
      return say(401, 'application/json', '{}')
    case 'away':
      return void response.writeHead(302, { location: 'http://169.254.169.254/' }).end()
    default:
      return method === 'DELETE'
        ? say(204, '', '')
        : say(200, 'application/json', JSON.stringify({ method, url, body }))
  }
}
