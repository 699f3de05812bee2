import { z } from '@hono/zod-openapi'
import { html } from '../../base/page.ts'
import { action, fieldsOf } from '../action.ts'
import { instant } from '../page/elements.ts'

export const keyActions = [
  action({
    name: 'makeOperatorKey',
    summary: 'Make a key for the command line, shown once',
    guard: 'signed-in',
    path: '/you/key',
    // A key that could make keys would never end.
    faces: 'page',
    fresh: true,
    input: z.object({ label: z.string().trim().min(1).max(100), hours: z.coerce.number().int().min(1).max(24) }),
    fromForm: fieldsOf,
    run: async ({ identity, config }, viewer, { label, hours }) => ({
      ...(await identity.makeOperatorKey({
        principal: viewer.principal,
        label,
        login: viewer.login,
        expiresInSeconds: hours * 3_600,
      })),
      origin: config.origin,
    }),
    after: (_input, { key, expiresAt, origin }) => ({
      title: 'Your key for the command line',
      once: html`<h1>Your key for the command line</h1>
        <div class="card">
          <p class="notice warn">It is shown this once. It has your rights until ${instant(expiresAt)}.</p>
          <pre class="copy" tabindex="0">
export SALLYPORT_URL=${origin}
export SALLYPORT_KEY=${key}</pre>
          <p>Then, for example:</p>
          <pre class="copy" tabindex="0">npx sallyport status</pre>
          <div class="actions"><a class="button primary" href="/you">Done</a></div>
        </div>`,
    }),
  }),
]
