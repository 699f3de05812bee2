import type { CatalogueTool } from '../inventory/catalogue.ts'
import type { Caller } from '../oauth/access-token.ts'
import type { Asked } from './asked.ts'
import type { ReadArguments } from './arguments.ts'
import type { Envelope } from './envelope.ts'
import type { View } from './facts.ts'
import type { Reply } from './reply.ts'

/** One call on its way: who, what, and where the answer goes. */
export interface Call {
  id: string
  kind: 'call'
  caller: Caller
  /** Where it goes. */
  upstream: string
  /** The bundle whose address it came to, where it did. */
  bundle?: string
  envelope: Envelope
  /** The task that it is about, by the id that the client has of it. */
  task?: { handle: string }
  /** The JSON-RPC id, by which the client may cancel. */
  requestId: string | number | undefined
  /** The client's `Mcp-Param-*` headers; nothing else of its headers goes any further. */
  parameterHeaders: Readonly<Record<string, string>>
  reply: Reply
  /** Aborted when the client has gone, and by whatever else ends the exchange. */
  ending: AbortController
}

/** What is known of a call once its item is. */
export interface Judged {
  view: View
  tool: CatalogueTool
  asked: Asked
  args: ReadArguments
}
