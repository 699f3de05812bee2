import type { IncomingMessage } from 'node:http'
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { Fault, faultStatus } from '../base/fault.ts'
import { readJson } from '../base/json.ts'
import { bodyBytesMax } from '../base/limits.ts'
import { readBody } from '../base/listen.ts'
import type { Action } from './action.ts'
import { actions } from './actions.ts'
import { readings } from './readings.ts'
import type { Reading } from './reading.ts'
import type { ControlRooms, Viewer } from './rooms.ts'
import { apiPrefix, type Env, routerPath } from './serving.ts'
import { takeAction, takeReading } from './take.ts'

const faultShape = z
  .object({ code: z.enum(Object.keys(faultStatus) as [string, ...string[]]), message: z.string() })
  .openapi('Fault', { description: 'what could not be done, and why; docs/faults has a page for each code' })

/**
 * Adds the API to the door: every reading and every action below `/api/v1`, and their description.
 *
 * Callers prove themselves by an operator key as bearer token. Cookies count for nothing here, so that no page of another
 * site can make a browser call it.
 */
export function addApi(app: OpenAPIHono<Env>, rooms: ControlRooms): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'operatorKey', { type: 'http', scheme: 'bearer' })
  for (const one of readings) addReading(app, rooms, one)
  for (const one of actions) if (one.faces !== 'page') addAction(app, rooms, one)
  app.doc31(`${apiPrefix}/openapi.json`, {
    openapi: '3.1.0',
    info: { title: 'Sallyport control API', version: '1', license: { name: 'Apache-2.0' } },
    security: [{ operatorKey: [] }],
  })
}

function addReading(app: OpenAPIHono<Env>, rooms: ControlRooms, reading: Reading): void {
  const { params, rest } = splitInput(reading.input, reading.path)
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: apiPrefix + reading.path,
    operationId: reading.name,
    summary: reading.summary,
    request: { params, query: rest },
    responses: responsesOf(reading.answer),
  })
  app.get(apiPrefix + routerPath(reading.path), async (c) => {
    const viewer = await whoCalls(rooms, c.env.incoming)
    const given = { ...c.req.query(), ...c.req.param() }
    return c.json((await takeReading(rooms, viewer, { reading, given })) as object, 200, headers)
  })
}

function addAction(app: OpenAPIHono<Env>, rooms: ControlRooms, action: Action): void {
  const { params, rest } = splitInput(action.input, action.path)
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: apiPrefix + action.path,
    operationId: action.name,
    summary: action.summary,
    request: { params, body: { required: true, content: { 'application/json': { schema: rest } } } },
    responses: responsesOf(action.answer ?? z.object({})),
  })
  app.post(apiPrefix + routerPath(action.path), async (c) => {
    const viewer = await whoCalls(rooms, c.env.incoming)
    const bytesMax = (viewer.administrator ? action.bodyBytesMax : undefined) ?? bodyBytesMax
    const given = { ...(await readObject(c, bytesMax)), ...c.req.param() }
    const { result } = await takeAction(rooms, viewer, { action, given })
    return c.json((action.answer === undefined ? {} : action.answer.parse(result)) as object, 200, headers)
  })
}

const headers = { 'cache-control': 'no-store' }

/** @throws {Fault} `control.signed_out` */
async function whoCalls({ identity, inventory }: ControlRooms, req: IncomingMessage): Promise<Viewer> {
  const principal = await identity.whoHasKey(req.headers.authorization ?? '')
  if (principal === undefined) {
    throw new Fault('control.signed_out', 'cannot say who you are: send an operator key as bearer token')
  }
  return {
    principal,
    administrator: await inventory.isAdministrator(principal.id),
    browser: undefined,
    login: undefined,
    provedAt: undefined,
  }
}

async function readObject(c: Context<Env>, bytesMax: number): Promise<Record<string, unknown>> {
  const type = c.req.header('content-type') ?? ''
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new Fault('control.bad_input', 'cannot read this: send `application/json`', { status: 415 })
  }
  const value = readJson(await readBody(c.env.incoming, bytesMax), { bytesMax })
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Fault('control.bad_input', 'cannot read this: send one JSON object')
}

function splitInput(input: z.ZodType, path: string): { params: z.ZodObject; rest: z.ZodObject } {
  const shape = (input as z.ZodObject).shape
  const inPath = new Set([...path.matchAll(/\{(\w+)\}/g)].map((part) => part[1]!))
  const pick = (wanted: boolean) =>
    z.object(Object.fromEntries(Object.entries(shape).filter(([name]) => inPath.has(name) === wanted)))
  return { params: pick(true), rest: pick(false) }
}

function responsesOf(answer: z.ZodType) {
  const fault = { content: { 'application/json': { schema: faultShape } } }
  return {
    200: { description: 'done', content: { 'application/json': { schema: answer } } },
    400: { description: 'the input is wrong', ...fault },
    401: { description: 'no valid operator key', ...fault },
    403: { description: 'not yours to do', ...fault },
    404: { description: 'not there, or not yours to see', ...fault },
    409: { description: 'not in this state', ...fault },
  }
}
