import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { Fault } from '../base/fault.ts'
import { html, type NavItem, page, pageHeaders } from '../base/page.ts'
import { visible } from '../base/visible.ts'
import { requireGuard } from './guard.ts'
import type { Shown, Visit } from './page.ts'
import { prose } from './page/elements.ts'
import { flashLine } from './page/flash.ts'
import { pages } from './pages.ts'
import type { ControlRooms } from './rooms.ts'
import { apiPrefix, type Env, routerPath } from './serving.ts'

/** Adds the pages to the door. Who is not signed in is sent to sign in, and comes back. */
export function addPages(app: OpenAPIHono<Env>, rooms: ControlRooms): void {
  for (const { path, guard, show } of pages) {
    app.get(routerPath(path), async (c) => {
      const visit = await whoLooks(rooms, c)
      if (visit === undefined) {
        const { pathname, search } = new URL(c.req.url)
        return c.redirect(rooms.identity.signInUrl(pathname + search), 303)
      }
      await requireGuard(rooms, visit.viewer, { guard })
      return sendPage(rooms, c, { visit, shown: await show(rooms, visit) })
    })
  }
}

/** The visit of a browser in which somebody is signed in. */
export async function whoLooks(rooms: ControlRooms, c: Context<Env>): Promise<Visit | undefined> {
  const signedIn = await rooms.identity.whoIs(c.env.incoming)
  if (signedIn === undefined) return undefined
  const { principal, csrf, login, provedAt } = signedIn
  const administrator = await rooms.inventory.isAdministrator(principal.id)
  const { searchParams: query } = new URL(c.req.url)
  return { viewer: { principal, administrator, browser: csrf, login, provedAt }, csrf, params: c.req.param(), query }
}

/** Sends a page with the navigation of its visitor. */
export async function sendPage(
  rooms: ControlRooms,
  c: Context<Env>,
  sent: { visit: Visit; shown: Shown; status?: number },
): Promise<Response> {
  const { visit, shown } = sent
  const line = flashLine(visit.query.get('done'))
  const body = html`${line !== undefined && html`<p class="notice good" role="status">${line}</p>`}${shown.body}`
  const nav = {
    items: await navigation(rooms, visit, c.req.path),
    who: visible(visit.viewer.principal.name),
    signOut: html`<a href="/you">You</a> <a href="/sign-out">Sign out</a>`,
  }
  const text = page({ title: shown.title, body, nav, ...(shown.width && { width: shown.width }) })
  return new Response(text, { status: sent.status ?? 200, headers: pageHeaders() })
}

async function navigation(rooms: ControlRooms, { viewer }: Visit, path: string): Promise<NavItem[]> {
  const waiting = await rooms.approvals.list({ decidableBy: viewer.principal.id })
  const items: NavItem[] = [
    { href: '/', label: 'Start' },
    { href: '/approvals', label: 'Approvals', count: waiting.length },
    { href: '/upstreams', label: 'Upstreams' },
    { href: '/grants', label: 'Grants' },
  ]
  if (viewer.administrator) {
    items.push(
      { href: '/clients', label: 'Clients' },
      { href: '/people', label: 'People' },
      { href: '/ledger', label: 'Ledger' },
    )
  }
  const current = (href: string) => path === href || (href !== '/' && path.startsWith(`${href}/`))
  return items.map((item) => ({ ...item, current: current(item.href) }))
}

/** Answers with what went wrong: a page for browsers, JSON for programs; never a stack, never the detail. */
export async function answerFault(rooms: ControlRooms, c: Context<Env>, error: unknown): Promise<Response> {
  const fault = error instanceof Fault ? error : internal(error)
  const fields = { method: c.req.method, path: c.req.path, error }
  if (fault.status >= 500) rooms.log.error(fields, 'a request of the operators failed')
  else rooms.log.debug(fields, 'a request of the operators was refused')
  // What is left of the request is not read: the connection cannot be used again.
  const close: Record<string, string> = c.env.incoming.complete ? {} : { connection: 'close' }
  const wantsPage = (c.req.header('accept') ?? '').includes('text/html')
  if (c.req.path.startsWith(`${apiPrefix}/`) || !wantsPage) {
    const headers = { 'cache-control': 'no-store', ...close }
    return Response.json({ code: fault.code, message: fault.message }, { status: fault.status, headers })
  }
  const title = fault.status >= 500 ? 'That did not work' : 'That cannot be done'
  const body = html`<h1>${title}</h1>
    <div class="card">
      <p>${prose(sentence(fault.message))}</p>
      <p class="muted small">${fault.status < 500 && 'Nothing was changed.'} <code>${fault.code}</code></p>
      <div class="actions"><a class="button" href="${whereBack(c)}">Go back</a></div>
    </div>`
  const visit = await whoLooks(rooms, c).catch(() => undefined)
  if (visit === undefined) {
    const text = page({ title, body, width: 'narrow' })
    return new Response(text, { status: fault.status, headers: { ...pageHeaders(), ...close } })
  }
  visit.query.delete('done')
  return sendPage(rooms, c, { visit, shown: { title, body, width: 'narrow' }, status: fault.status })
}

// The page on which the form stood: `/people/x/disable` was sent from `/people/x`; what came back cannot be gone back to.
function whereBack(c: Context<Env>): string {
  if (c.req.method !== 'POST') return '/'
  const [, room = '', id, ...rest] = c.req.path.split('/')
  if (room === 'connect') return '/'
  return rest.length > 0 && room !== 'grants' ? `/${room}/${id}` : `/${room}`
}

function internal(cause: unknown): Fault {
  return new Fault('base.internal', 'something failed inside: the log says what', { cause })
}

/** What a fault says, as a sentence. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
