import { Fault } from '../base/fault.ts'
import type { Approval } from '../model/rights.ts'
import type { Earlier } from './earlier.ts'
import type { Envelope } from './envelope.ts'
import { maySendTo, ownKeys } from './own-elicitation.ts'
import type { Reply } from './reply.ts'

/** What the client is told of a call that an approval could let through. */
export interface Held {
  approval: Approval
  /** The page where it is decided; never pre-authenticated. */
  url: string
  /** What the decision said, for the person in front of the client. */
  message: string
  /** The last call of exactly these arguments, if one was made. */
  earlier: Earlier | undefined
}

/**
 * Tells the client that the call is held: modern clients that declared URL elicitation get `input_required`, all others a
 * tool result with `isError` and the link, or of what is no tool an error that says the same. A client that comes back from the elicitation while nobody has decided yet gets
 * the plain result, so that it does not go round in circles.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
 * @see spec/approval.md, "Wire forms"
 */
export function replyHeld(reply: Reply, envelope: Envelope, held: Held): void {
  const { approval, url, earlier } = held
  const message = earlier === undefined ? held.message : `${held.message}. ${tellEarlier(earlier)}`
  if (approval.state !== 'denied' && maySendTo(envelope, ownKeys.approval)) {
    reply.result(envelope, {
      resultType: 'input_required',
      inputRequests: {
        [ownKeys.approval]: {
          method: 'elicitation/create',
          params: { mode: 'url', url, message },
        },
      },
    })
    return
  }
  const text = `${message}\n\n${url}\n\n${next(approval)}`
  const told = {
    'sallyport/approval': {
      id: approval.id,
      state: approval.state,
      url,
      expiresAt: new Date(approval.expiresAt).toISOString(),
      ...(earlier && { earlier: { call: earlier.callId, outcome: earlier.fate, url: earlier.url } }),
    },
  }
  // Only the result of a tool can say that it is an error.
  if (envelope.method !== 'tools/call') return reply.fault(envelope, new Fault('gateway.denied', text, { data: told }))
  reply.result(envelope, { isError: true, content: [{ type: 'text', text }], _meta: told })
}

function next(approval: Approval): string {
  if (approval.state === 'denied') return 'Do not repeat this call with these arguments.'
  return 'Somebody else who may approve this tool decides at that address. When it is approved, make the same call with exactly the same arguments: it passes once.'
}

const fates: Record<Earlier['fate'], string> = {
  success: 'was carried out',
  failure: 'failed',
  unknown:
    'has the outcome unknown: it may have been carried out. Look at what it would have changed, and repeat it only if it was not',
  'under way': 'is not answered yet: it may have been carried out. Wait for its outcome before repeating it',
}

function tellEarlier({ fate, url }: Earlier): string {
  return `An earlier call with exactly these arguments ${fates[fate]} (${url})`
}
