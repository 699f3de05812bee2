import type { IncomingMessage } from 'node:http'
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { Fault } from '../base/fault.ts'
import { formBytesMax } from '../base/limits.ts'
import { readBody } from '../base/listen.ts'
import { html } from '../base/page.ts'
import { type Action, fieldsOf } from './action.ts'
import { actions } from './actions.ts'
import { sendPage, sentence, whoLooks } from './browse.ts'
import { requireGuard } from './guard.ts'
import type { Visit } from './page.ts'
import { prose } from './page/elements.ts'
import type { ControlRooms } from './rooms.ts'
import { type Env, routerPath } from './serving.ts'
import { takeAction } from './take.ts'
import { isUpload, readUpload } from './upload.ts'

/**
 * Adds the forms to the door: every action, as a page of ours sends it. What was done leads on by 303, so that a reload
 * does it once; where something is wrong, the form may be shown again with what was filled in.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-15.4.4
 */
export function addForms(app: OpenAPIHono<Env>, rooms: ControlRooms): void {
  for (const action of actions) {
    app.post(routerPath(action.path), async (c) => {
      const visit = await whoLooks(rooms, c)
      if (visit === undefined) return c.redirect(rooms.identity.signInUrl('/'), 303)
      const again = (error: unknown, given?: URLSearchParams) =>
        showAgain(rooms, c, { action, visit: { ...visit, given }, error })
      let form: URLSearchParams
      try {
        form = await readForm(c.env.incoming, visit.viewer.administrator ? action.bodyBytesMax : undefined)
      } catch (error) {
        return again(error)
      }
      // What another site sends is not even shown.
      rooms.identity.checkForm(c.env.incoming, form)
      return take(rooms, c, { action, visit, form }).catch((error: unknown) => again(error, form))
    })
  }
}

async function take(
  rooms: ControlRooms,
  c: Context<Env>,
  { action, visit, form }: { action: Action; visit: Visit; form: URLSearchParams },
): Promise<Response> {
  const given = { ...(action.fromForm ?? fieldsOf)(form), ...c.req.param() }
  const { input, result } = await takeAction(rooms, visit.viewer, { action, given })
  const after = action.after(input, result)
  if ('to' in after) return c.redirect(`${after.to}${after.to.includes('?') ? '&' : '?'}done=${after.flash}`, 303)
  return sendPage(rooms, c, { visit, shown: { title: after.title, body: after.once, width: 'narrow' } })
}

/** @throws the error itself where the form is not one that is shown again, or not to this viewer. */
async function showAgain(
  rooms: ControlRooms,
  c: Context<Env>,
  { action, visit, error }: { action: Action; visit: Visit; error: unknown },
): Promise<Response> {
  const { again } = action
  if (again === undefined || !(error instanceof Fault) || error.status >= 500) throw error
  await requireGuard(rooms, visit.viewer, { guard: again.guard })
  const shown = await again.show(rooms, visit)
  const body = html`<p class="notice bad" role="alert" tabindex="-1" autofocus>${prose(sentence(error.message))}</p>
    ${shown.body}`
  return sendPage(rooms, c, { visit, shown: { ...shown, body }, status: error.status })
}

async function readForm(req: IncomingMessage, uploadBytesMax: number | undefined): Promise<URLSearchParams> {
  if (uploadBytesMax !== undefined && isUpload(req)) return readUpload(req, uploadBytesMax)
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(req.headers['content-type'] ?? '')) {
    throw new Fault('control.bad_input', 'cannot read this form: it is not urlencoded', { status: 415 })
  }
  return new URLSearchParams(Buffer.from(await readBody(req, formBytesMax)).toString())
}
