import { z } from '@hono/zod-openapi'
import { html } from '../../base/page.ts'
import { effectSchema } from '../../model/effect.ts'
import type { Right } from '../../model/rights.ts'
import { needsApproval } from '../../policy/needs-approval.ts'
import { action, fieldsOf, reason } from '../action.ts'
import { toolsUpTo } from './entitlements.ts'
import { instant } from '../page/elements.ts'
import type { ControlRooms } from '../rooms.ts'

const daySeconds = 24 * 60 * 60

const invited = z.object({
  name: z.string().trim().min(1).max(100),
  email: z.email().max(254).optional(),
  administer: z.boolean().default(false),
  tools: z
    .array(
      z.object({
        upstream: z.string().min(1).max(64),
        use: effectSchema.optional().openapi({ description: 'the gravest effect of the tools that may be used' }),
        approve: z
          .boolean()
          .default(false)
          .openapi({ description: 'may approve calls of those of its tools that need it' }),
      }),
    )
    .max(50)
    .default([]),
  expiresInDays: z.int().min(1).max(30).default(7).openapi({ description: 'how long the link lasts' }),
})

export const peopleActions = [
  action({
    name: 'invite',
    summary: 'Make a link that turns one person into a principal with these rights, once',
    guard: 'administrator',
    path: '/people/invite',
    input: invited,
    fromForm: (form) => ({
      ...fieldsOf(form),
      administer: form.has('administer'),
      tools: form.getAll('upstream').map((upstream) => ({
        upstream,
        use: form.get(`use.${upstream}`) || undefined,
        approve: form.has(`approve.${upstream}`),
      })),
      expiresInDays: Number(form.get('expiresInDays') || 7),
    }),
    answer: z.object({ url: z.string(), expiresAt: z.int() }),
    async run(rooms, viewer, { name, email, administer, tools, expiresInDays }) {
      const everything = { right: 'administer' as Right, upstream: '*', tool: '*' }
      const rights = administer ? [everything] : []
      for (const one of tools) rights.push(...(await expand(rooms, one)))
      return rooms.identity.invite({
        by: viewer.principal.id,
        name,
        email,
        rights,
        expiresInSeconds: expiresInDays * daySeconds,
      })
    },
    after: ({ name }, { url, expiresAt }) => ({
      title: 'An invitation',
      once: html`<h1>An invitation for ${name}</h1>
        <div class="card">
          <p class="notice warn">
            This link is shown this once. Whoever opens it first becomes this principal: send it where only ${name}
            reads it.
          </p>
          <pre class="copy" tabindex="0">${url}</pre>
          <p class="muted">It works once, until ${instant(expiresAt)}.</p>
          <div class="actions"><a class="button primary" href="/people">Done</a></div>
        </div>`,
    }),
  }),
  action({
    name: 'disablePrincipal',
    summary: 'Disable a principal: sign-ins, keys, grants and pending approvals end',
    guard: 'administrator',
    path: '/people/{id}/disable',
    input: z.object({ id: z.string().max(64), reason }),
    run: ({ identity }, viewer, { id, reason: why }) =>
      identity.disablePrincipal({ by: viewer.principal.id, id, reason: why }),
    after: ({ id }) => ({ to: `/people/${id}`, flash: 'principal-disabled' }),
  }),
  action({
    name: 'resetLogin',
    summary: 'Make a link by which a principal sets a new password; passkeys and recovery codes end with it',
    guard: 'administrator',
    path: '/people/{id}/reset',
    // The link is as good as the account: a key that was found makes none.
    faces: 'page',
    fresh: true,
    input: z.object({ id: z.string().max(64), reason }),
    run: ({ identity }, viewer, { id, reason: why }) =>
      identity.makeResetLink({ by: viewer.principal.id, id, reason: why }),
    after: ({ id }, { url, expiresAt }) => ({
      title: 'A link to set a new password',
      once: html`<h1>A link to set a new password</h1>
        <div class="card">
          <p class="notice warn">
            This link is shown this once. Whoever opens it becomes this principal: send it where only that person reads
            it. Passkeys, recovery codes and sign-ins until now end when it is used.
          </p>
          <pre class="copy" tabindex="0">${url}</pre>
          <p class="muted">It works once, until ${instant(expiresAt)}.</p>
          <div class="actions"><a class="button primary" href="/people/${id}">Done</a></div>
        </div>`,
    }),
  }),
  action({
    name: 'enablePrincipal',
    summary: 'Enable a principal again, grants and keys stay revoked; or let one off who must sign in anew',
    guard: 'administrator',
    path: '/people/{id}/enable',
    input: z.object({ id: z.string().max(64), reason }),
    run: ({ identity }, viewer, { id, reason: why }) =>
      identity.enablePrincipal({ by: viewer.principal.id, id, reason: why }),
    after: ({ id }) => ({ to: `/people/${id}`, flash: 'principal-enabled' }),
  }),
]

// A right is to tools, each by its name: what an upstream offers later is not in it.
async function expand(
  { inventory }: ControlRooms,
  { upstream, use, approve }: z.infer<typeof invited>['tools'][number],
): Promise<{ right: Right; upstream: string; tool: string }[]> {
  const tools = await inventory.listTools(upstream)
  const used = use === undefined ? [] : toolsUpTo(tools, use)
  const approved = approve ? tools.filter(({ effect }) => needsApproval(effect)).map(({ name }) => name) : []
  return [
    ...used.map((tool) => ({ right: 'use' as const, upstream, tool })),
    ...approved.map((tool) => ({ right: 'approve' as const, upstream, tool })),
  ]
}
