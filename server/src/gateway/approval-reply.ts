import type { Approval } from '../model/rights.ts'
import type { Envelope } from './envelope.ts'
import type { Reply } from './reply.ts'

/** What the client is told of a call that an approval could let through. */
export interface Held {
  approval: Approval
  /** The page where it is decided; never pre-authenticated. */
  url: string
  /** What the decision said, for the person in front of the client. */
  message: string
}

/** The name of our own input request, so that its answer is not taken for one that the upstream asked for. */
export const approvalKey = 'sallyport-approval'

/**
 * Tells the client that the call is held: modern clients that declared URL elicitation get `input_required`, all others a
 * tool result with `isError` and the link. A client that comes back from the elicitation while nobody has decided yet gets
 * the plain result, so that it does not go round in circles.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
 * @see spec/approval.md, "Wire forms"
 */
export function replyHeld(reply: Reply, envelope: Envelope, held: Held): void {
  const { approval, url } = held
  if (approval.state !== 'denied' && elicitsUrls(envelope) && !answersUs(envelope)) {
    reply.result(envelope, {
      resultType: 'input_required',
      inputRequests: {
        [approvalKey]: {
          method: 'elicitation/create',
          params: { mode: 'url', url, message: held.message },
        },
      },
    })
    return
  }
  reply.result(envelope, {
    isError: true,
    content: [{ type: 'text', text: `${held.message}\n\n${url}\n\n${next(approval)}` }],
    _meta: {
      'sallyport/approval': {
        id: approval.id,
        state: approval.state,
        url,
        expiresAt: new Date(approval.expiresAt).toISOString(),
      },
    },
  })
}

function elicitsUrls(envelope: Envelope): boolean {
  const elicitation = envelope.clientCapabilities['elicitation']
  return typeof elicitation === 'object' && elicitation !== null && 'url' in elicitation
}

function answersUs(envelope: Envelope): boolean {
  const responses = envelope.params['inputResponses']
  return typeof responses === 'object' && responses !== null && approvalKey in responses
}

function next(approval: Approval): string {
  if (approval.state === 'denied') return 'Do not repeat this call with these arguments.'
  return 'Somebody else who may approve this tool decides at that address. When it is approved, make the same call with exactly the same arguments: it passes once.'
}
