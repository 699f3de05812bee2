import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault } from '../fault.ts'
import { html, page, pageHeaders } from '../page.ts'

/** Answers with a fault: a page for browsers, JSON for programs; never a stack, never the detail. */
export function answerFault(req: IncomingMessage, res: ServerResponse, fault: Fault): void {
  if (res.headersSent) {
    res.destroy()
    return
  }
  // What is left of the request is not read: the connection cannot be used again.
  if (!req.complete) res.setHeader('connection', 'close')
  const [headers, text] = (req.headers.accept ?? '').includes('text/html')
    ? [pageHeaders(), faultPage(fault)]
    : [jsonHeaders, JSON.stringify({ code: fault.code, message: fault.message })]
  res.writeHead(fault.status, { ...headers, 'content-length': Buffer.byteLength(text) })
  res.end(text)
}

const jsonHeaders = { 'content-type': 'application/json', 'cache-control': 'no-store' }

function faultPage(fault: Fault): string {
  const body = html`<section class="card">
    <h1>${fault.status >= 500 ? 'That did not work' : 'That cannot be done'}</h1>
    <p>${sentence(fault.message)}</p>
    <p class="hint"><code>${fault.code}</code></p>
  </section>`
  return page({ title: 'Not done', width: 'narrow', body })
}

/** What the caller may see of anything that was thrown. */
export function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error
  return new Fault('base.internal', 'something failed inside: the log says what', { cause: error })
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
