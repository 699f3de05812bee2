import type { IncomingMessage, ServerResponse } from 'node:http'
import { formBytesMax } from '../../base/limits.ts'
import { readBody } from '../../base/listen.ts'
import { workloadsClientId } from '../client/workloads.ts'
import { jwtBearer } from '../metadata.ts'
import type { Engine } from '../provider.ts'
import { standIn } from './stand-in.ts'
import { askedScope } from './terms.ts'

const proofs = ['client_id', 'client_assertion', 'client_secret']

/**
 * Serves the token endpoint. The engine does, but for two things. A workload presents the token of its platform, which is
 * all that it has, and names no client: it gets the one that stands for all workloads. And who renews may name
 * scopes, of which the engine knows one: what they leave of the grant is judged where the token is issued.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7523#section-3.1
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-6
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
    const [scope, more] = params.get('grant_type') === 'refresh_token' ? params.getAll('scope') : []
    const renews = scope !== undefined && more === undefined
    if (renews) {
      params.delete('scope')
      params.set(askedScope, scope)
    }
    const sent = renews ? params.toString() : text
    const body = nameless && presents ? `${sent}&client_id=${workloadsClientId}` : sent
    await parts.engine.serve(standIn(request, body, contentType), response)
  }
}
