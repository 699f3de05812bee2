import { Fault } from '../base/fault.ts'
import type { Learnt } from '../model/upstream.ts'
import type { UpstreamConnection } from './upstream/upstream-kind.ts'

/** What a probe found: who the upstream says it is, and the definitions of its tools as it gave them, in its order. */
export interface Probed {
  learnt: Learnt
  definitions: unknown[]
}

/** Bounds of one probe: more than any honest server offers, and what a person could never review. */
export const probeLimits = { tools: 10_000, pages: 1_000, bytes: 8 * 1024 * 1024, milliseconds: 60_000 }

/**
 * Asks an upstream what it is and which tools it offers, all pages of them.
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
  const seen = { tools: 0, cursors: new Set<string>(), bytes: 0 }
  const definitions: unknown[] = []
  let cursor: string | undefined
  do {
    const params = cursor === undefined ? {} : { cursor }
    const page = await connection.ask({ method: 'tools/list', params }, bounded)
    definitions.push(...readPage(page, seen))
    cursor = readCursor(page, seen.cursors)
  } while (cursor !== undefined)
  return { learnt, definitions }
}

interface Seen {
  tools: number
  cursors: Set<string>
  bytes: number
}

function readPage(page: Record<string, unknown>, seen: Seen): unknown[] {
  const tools = page['tools']
  if (!Array.isArray(tools)) throw bad('`tools` is no array')
  seen.bytes += JSON.stringify(tools).length
  if (seen.bytes > probeLimits.bytes) throw bad(`definitions of more than ${probeLimits.bytes} bytes`)
  seen.tools += tools.length
  if (seen.tools > probeLimits.tools) throw bad(`more than ${probeLimits.tools} tools`)
  return tools
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
  return new Fault('gateway.upstream_bad_reply', 'cannot use the list of tools that the upstream gave', { detail })
}
