import type { IncomingMessage, ServerResponse } from 'node:http'
import { formBytesMax } from '../../base/limits.ts'
import { readBody } from '../../base/listen.ts'
import { workloadsClientId } from '../client/workloads.ts'
import { jwtBearer } from '../metadata.ts'
import type { Engine } from '../provider.ts'
import { standIn } from './stand-in.ts'

const proofs = ['client_id', 'client_assertion', 'client_secret']

/**
 * Serves the token endpoint. The engine does, but for one thing: a workload presents the token of its platform, which is
 * all that it has, and names no client. It gets the one that stands for all workloads.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7523#section-3.1
 */
export function tokenEndpoint(parts: {
  engine: Engine
}): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const contentType = request.headers['content-type'] ?? ''
    const text = Buffer.from(await readBody(request, formBytesMax)).toString()
    const params = new URLSearchParams(text)
    const nameless = request.headers.authorization === undefined && proofs.every((name) => !params.has(name))
    const presents = params.get('grant_type') === jwtBearer
    const body = nameless && presents ? `${text}&client_id=${workloadsClientId}` : text
    await parts.engine.serve(standIn(request, body, contentType), response)
  }
}
