import { z } from '@hono/zod-openapi'
import { Fault } from '../../base/fault.ts'
import { documentBytesMax, formBytesMax } from '../../base/limits.ts'
import { aboutConnection } from '../../model/connection.ts'
import { effectSchema } from '../../model/effect.ts'
import { proofs, upstreamStates, type Launch } from '../../model/upstream.ts'
import { action, type After, reason } from '../action.ts'
import { getUpstream, unknown } from '../known.ts'
import type { ControlRooms } from '../rooms.ts'
import type { Flash } from '../page/flash.ts'
import { proposePage } from '../page/propose.ts'

const name = z.string().min(1).max(64)
const id = z.string().min(1).max(64)
const apiDocument = z.string().min(1).max(documentBytesMax)

function toUpstream(flash: Flash): (input: { name: string }) => After {
  return (input) => ({ to: `/upstreams/${input.name}`, flash })
}

const lifecycleActions = [
  action({
    name: 'proposeUpstream',
    summary: 'Propose an upstream: it serves nothing until somebody else has approved it',
    guard: 'administrator',
    path: '/upstreams',
    input: z.object({
      name,
      url: z.string().max(2_048).optional().openapi({ description: 'of an upstream of kind `http`' }),
      transport: z
        .enum(['http', 'sse'])
        .optional()
        .openapi({ description: 'of `url`: streamable HTTP, unless it is `sse`, the deprecated HTTP+SSE' }),
      command: z.string().max(64).optional().openapi({ description: 'of kind `stdio`: its name in the configuration' }),
      document: z
        .string()
        .max(64)
        .optional()
        .openapi({ description: 'of kind `openapi`: its name in the configuration' }),
      openapi: apiDocument.optional().openapi({ description: 'of kind `openapi`: the document itself, JSON or YAML' }),
      server: z
        .url({ protocol: /^https?$/ })
        .max(2_048)
        .optional()
        .openapi({
          description: 'of `openapi`: where the API is, for good; the first server of the document when absent',
        }),
      purpose: z.string().trim().min(3).max(500),
      ownerId: id,
      reason,
    }),
    answer: z.object({ name }),
    bodyBytesMax: documentBytesMax + formBytesMax,
    again: proposePage,
    async run(rooms, viewer, { url, transport, command, document, openapi, server, ...proposal }) {
      // Its page would be hidden by the one on which upstreams are proposed.
      if (proposal.name === 'new') throw new Fault('control.bad_input', 'cannot propose this: `new` cannot be a name')
      const launch = readWay({ url, transport, command, document, openapi, server }, rooms)
      const by = viewer.principal.id
      const made = await rooms.inventory.proposeUpstream({ ...proposal, by, launch, document: openapi })
      return { name: made.name }
    },
    after: (_input, made) => toUpstream('upstream-proposed')(made),
  }),
  action({
    name: 'stepUpstream',
    summary: 'Take an upstream one step along its lifecycle; `suspended` and `retired` withdraw it',
    guard: 'administrator',
    path: '/upstreams/{name}/step',
    input: z.object({ name, to: z.enum(upstreamStates), reason }),
    async run({ inventory }, viewer, input) {
      await inventory.stepUpstream({ ...input, by: viewer.principal.id })
    },
    after: toUpstream('upstream-stepped'),
  }),
  action({
    name: 'replaceDocument',
    summary: 'Give an upstream that was proposed with an OpenAPI document another one; where its API is stays',
    guard: 'administrator',
    path: '/upstreams/{name}/document',
    input: z.object({ name, openapi: apiDocument, reason }),
    bodyBytesMax: documentBytesMax + formBytesMax,
    async run(rooms, viewer, { openapi, ...step }) {
      const { launch } = await getUpstream(rooms, step.name)
      rooms.gateway.readDocument(openapi, 'server' in launch ? launch.server : undefined)
      await rooms.inventory.replaceDocument({ ...step, document: openapi, by: viewer.principal.id })
      await rooms.gateway.look(await getUpstream(rooms, step.name))
    },
    after: toUpstream('document-replaced'),
  }),
  action({
    name: 'setUpstreamOwner',
    summary: 'Give an upstream to another owner',
    guard: 'administrator',
    path: '/upstreams/{name}/owner',
    input: z.object({ name, ownerId: id, reason }),
    async run(rooms, viewer, input) {
      await getUpstream(rooms, input.name)
      await rooms.inventory.setUpstreamOwner({ ...input, by: viewer.principal.id })
    },
    after: toUpstream('owner-set'),
  }),
  action({
    name: 'setCeiling',
    summary: 'Set the gravest effect that tools of an upstream may have',
    guard: 'administrator',
    path: '/upstreams/{name}/ceiling',
    input: z.object({ name, ceiling: effectSchema, reason }),
    run: ({ inventory }, viewer, input) => inventory.setCeiling({ ...input, by: viewer.principal.id }),
    after: toUpstream('ceiling-set'),
  }),
  action({
    name: 'setProof',
    summary: 'Set whether an upstream takes only tokens that are bound to a key (DPoP)',
    guard: 'administrator',
    path: '/upstreams/{name}/proof',
    input: z.object({ name, proof: z.enum(proofs), reason }),
    run: ({ inventory }, viewer, input) => inventory.setProof({ ...input, by: viewer.principal.id }),
    after: toUpstream('proof-set'),
  }),
  action({
    name: 'lookAtUpstream',
    summary: 'Ask an upstream now what it is and which tools it offers',
    guard: 'owner',
    path: '/upstreams/{name}/look',
    input: z.object({ name }),
    concern: (input) => ({ upstream: input.name }),
    run: async (rooms, _viewer, input) => rooms.gateway.look(await getUpstream(rooms, input.name)),
    after: toUpstream('upstream-looked'),
  }),
]

const credentialActions = [
  action({
    name: 'putCredential',
    summary: 'Seal a credential for an upstream and revoke the one that it replaces',
    guard: 'administrator',
    path: '/upstreams/{name}/credential',
    input: z.object({
      name,
      values: z
        .record(z.string().max(200), z.string().max(8_192))
        .refine((values) => Object.keys(values).length > 0, 'give one value at least')
        .openapi({ description: 'environment variables (stdio) or headers (http); never shown again' }),
      reason,
    }),
    fromForm: (form) => ({ reason: form.get('reason') ?? '', values: readValues(form) }),
    async run(rooms, viewer, input) {
      const upstream = await getUpstream(rooms, input.name)
      const by = viewer.principal.id
      const placement = upstream.launch.kind === 'stdio' ? 'env' : 'headers'
      const about = { kind: 'connection', id: input.name } as const
      const details = { placement, names: Object.keys(input.values).toSorted() }
      await rooms.ledger.recordChange({ by, what: 'connection.put', about, reason: input.reason, details }, (tx) =>
        rooms.vault.putConnection(tx, { upstream: input.name, placement, values: input.values, createdBy: by }),
      )
    },
    after: toUpstream('credential-put'),
  }),
  action({
    name: 'revokeCredential',
    summary: 'Revoke the credential of an upstream and forget it',
    guard: 'administrator',
    path: '/upstreams/{name}/credential/revoke',
    input: z.object({ name, id, reason }),
    async run(rooms, viewer, input) {
      const known = (await rooms.vault.listConnections(input.name)).find(({ id }) => id === input.id)
      if (known === undefined) unknown('credential')
      const about = aboutConnection(input.name, known.principalId)
      const change = { by: viewer.principal.id, what: 'connection.revoked', about, reason: input.reason } as const
      await rooms.ledger.recordChange({ ...change, details: { connectionId: input.id } }, async (tx) => {
        if (!(await rooms.vault.revokeConnection(tx, input.id))) unknown('credential')
      })
    },
    after: toUpstream('credential-revoked'),
  }),
]

export const upstreamActions = [...lifecycleActions, ...credentialActions]

interface Way {
  url: string | undefined
  transport: 'http' | 'sse' | undefined
  command: string | undefined
  document: string | undefined
  openapi: string | undefined
  server: string | undefined
}

function readWay(
  { url, transport, command, document, openapi, server }: Way,
  rooms: Pick<ControlRooms, 'launches' | 'documents' | 'gateway'>,
): Launch {
  if ([url, command, document, openapi].filter((one) => one !== undefined).length !== 1) {
    throw new Fault('control.bad_input', 'cannot propose this: give an address, a command or a document, one of them')
  }
  if (openapi === undefined && server !== undefined)
    throw new Fault('control.bad_input', 'cannot propose this: where an API is stands beside its document')
  if (openapi !== undefined) return { kind: 'openapi', ...rooms.gateway.readDocument(openapi, server) }
  if (url !== undefined) return { kind: transport ?? 'http', url }
  if (command !== undefined) {
    return {
      kind: 'stdio',
      command: requireKnown(
        'command',
        command,
        rooms.launches.map(({ name }) => name),
      ),
    }
  }
  return { kind: 'openapi', document: requireKnown('document', document!, rooms.documents) }
}

function requireKnown(what: string, name: string, known: readonly string[]): string {
  if (known.includes(name)) return name
  const list = known.length === 0 ? 'none' : known.map((one) => `\`${one}\``).join(', ')
  throw new Fault('control.bad_input', `cannot propose this: the configuration has no such ${what}, but ${list}`)
}

// Known names have a field each, `value.<NAME>`; others come as pairs of `name` and `value`.
function readValues(form: URLSearchParams): Record<string, string> {
  const named = [...form].flatMap(([field, value]) => (field.startsWith('value.') ? [[field.slice(6), value]] : []))
  const values = form.getAll('value')
  const pairs = form.getAll('name').map((field, at) => [field.trim(), values[at] ?? ''])
  return Object.fromEntries([...named, ...pairs].filter(([field, value]) => field !== '' && value !== ''))
}
