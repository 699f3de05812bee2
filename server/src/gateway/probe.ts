import { createHash, type Hash } from 'node:crypto'
import { Fault } from '../base/fault.ts'
import type { Learnt } from '../model/upstream.ts'
import type { ControlMethod, UpstreamConnection } from './upstream/upstream-kind.ts'

/** What a probe found: who the upstream says it is, and the entries of its lists as it gave them, in its order. */
export interface Probed {
  learnt: Learnt
  /** The entries of `tools/list`. */
  definitions: unknown[]
  /** Absent where the upstream declares none of the kind. */
  prompts: unknown[] | undefined
  resources: unknown[] | undefined
  templates: unknown[] | undefined
  /** Of all the above: two looks with the same one found the same. */
  digest: string
}

/** Bounds of one probe, all lists together: more than any honest server offers, and what a person could never review. */
export const probeLimits = { items: 10_000, pages: 1_000, bytes: 8 * 1024 * 1024, milliseconds: 60_000 }

/**
 * Asks an upstream what it is and what it offers: tools and, where it declares them, prompts, resources and their templates,
 * all pages of each.
 *
 * Nothing that it says is believed: the inventory compares it with what was accepted, and refuses single entries that are
 * no definitions or share a name; one of them must not keep it from seeing what became of the others.
 *
 * @param connection To the upstream; it is not closed.
 * @param signal Ends the probe early; it ends by itself after 60 000 ms.
 * @returns Everything, or nothing: a list that broke off is an error, never a shorter list.
 * @throws {Fault} `gateway.upstream_bad_reply` for a list that is no list, goes round in circles or exceeds `probeLimits`; and what `UpstreamConnection.ask` throws.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/server/tools
 */
export async function probeUpstream(
  connection: UpstreamConnection,
  signal: AbortSignal = AbortSignal.timeout(probeLimits.milliseconds),
): Promise<Probed> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(probeLimits.milliseconds)])
  const learnt = await connection.learn(bounded)
  const seen = { items: 0, bytes: 0, hash: createHash('sha256') }
  seen.hash.update(JSON.stringify(learnt))
  const list = (method: ControlMethod, member: string) =>
    listAll(connection, { method, member }, { seen, signal: bounded })
  const { prompts, resources } = learnt.capabilities
  const found = {
    learnt,
    definitions: (await list('tools/list', 'tools')) ?? [],
    prompts: prompts === undefined ? undefined : await list('prompts/list', 'prompts'),
    resources: resources === undefined ? undefined : await list('resources/list', 'resources'),
    templates: resources === undefined ? undefined : await list('resources/templates/list', 'resourceTemplates'),
  }
  return { ...found, digest: seen.hash.digest('base64') }
}

interface Seen {
  items: number
  bytes: number
  hash: Hash
}

async function listAll(
  connection: UpstreamConnection,
  { method, member }: { method: ControlMethod; member: string },
  { seen, signal }: { seen: Seen; signal: AbortSignal },
): Promise<unknown[] | undefined> {
  const found: unknown[] = []
  const cursors = new Set<string>()
  let cursor: string | undefined
  do {
    const page = await connection
      .ask({ method, params: cursor === undefined ? {} : { cursor } }, signal)
      .catch((error: unknown) => {
        if (cursors.size === 0 && isUnknownMethod(error)) return undefined
        throw error
      })
    // Who has nothing to list need not know the method.
    if (page === undefined) return undefined
    found.push(...readPage(page[member], member, seen))
    cursor = readCursor(page, cursors)
  } while (cursor !== undefined)
  return found
}

function isUnknownMethod(error: unknown): boolean {
  return error instanceof Fault && error.code === 'gateway.upstream_error' && error.data?.['rpcCode'] === -32601
}

function readPage(entries: unknown, member: string, seen: Seen): unknown[] {
  if (!Array.isArray(entries)) throw bad(`\`${member}\` is no array`)
  const text = JSON.stringify(entries)
  seen.hash.update(`\n${member} ${text}`)
  seen.bytes += text.length
  if (seen.bytes > probeLimits.bytes) throw bad(`definitions of more than ${probeLimits.bytes} bytes`)
  seen.items += entries.length
  if (seen.items > probeLimits.items) throw bad(`more than ${probeLimits.items} entries`)
  return entries
}

function readCursor(page: Record<string, unknown>, cursors: Set<string>): string | undefined {
  const cursor = page['nextCursor']
  if (cursor === undefined || cursor === null) return undefined
  if (typeof cursor !== 'string') throw bad('`nextCursor` is no string')
  if (cursors.has(cursor)) throw bad('its pages go round in circles')
  cursors.add(cursor)
  if (cursors.size >= probeLimits.pages) throw bad(`more than ${probeLimits.pages} pages`)
  return cursor
}

function bad(detail: string): Fault {
  return new Fault('gateway.upstream_bad_reply', 'cannot use the lists that the upstream gave', { detail })
}
