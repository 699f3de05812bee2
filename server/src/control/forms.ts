import type { IncomingMessage } from 'node:http'
import type { OpenAPIHono } from '@hono/zod-openapi'
import { Fault } from '../base/fault.ts'
import { formBytesMax } from '../base/limits.ts'
import { readBody } from '../base/listen.ts'
import { fieldsOf } from './action.ts'
import { actions } from './actions.ts'
import { sendPage, whoLooks } from './browse.ts'
import type { ControlRooms } from './rooms.ts'
import { type Env, routerPath } from './serving.ts'
import { takeAction } from './take.ts'

/**
 * Adds the forms to the door: every action, as a page of ours sends it. What was done leads on by 303, so that a reload
 * does it once.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-15.4.4
 */
export function addForms(app: OpenAPIHono<Env>, rooms: ControlRooms): void {
  for (const action of actions) {
    app.post(routerPath(action.path), async (c) => {
      const visit = await whoLooks(rooms, c)
      if (visit === undefined) return c.redirect(rooms.identity.signInUrl('/'), 303)
      const form = await readForm(c.env.incoming)
      rooms.identity.checkForm(c.env.incoming, form)
      const given = { ...(action.fromForm ?? fieldsOf)(form), ...c.req.param() }
      const { input, result } = await takeAction(rooms, visit.viewer, { action, given })
      const after = action.after(input, result)
      if ('to' in after) {
        return c.redirect(`${after.to}${after.to.includes('?') ? '&' : '?'}done=${after.flash}`, 303)
      }
      return sendPage(rooms, c, { visit, shown: { title: after.title, body: after.once, width: 'narrow' } })
    })
  }
}

async function readForm(req: IncomingMessage): Promise<URLSearchParams> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(req.headers['content-type'] ?? '')) {
    throw new Fault('control.bad_input', 'cannot read this form: it is not urlencoded', { status: 415 })
  }
  return new URLSearchParams(Buffer.from(await readBody(req, formBytesMax)).toString())
}
