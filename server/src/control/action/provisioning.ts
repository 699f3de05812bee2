import { z } from '@hono/zod-openapi'
import { html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { action, fieldsOf, reason } from '../action.ts'
import { instant } from '../page/elements.ts'

const provider = z.string().min(1).max(63)

export const provisioningActions = [
  action({
    name: 'makeProvisionerKey',
    summary: 'Make a key by which an identity provider provisions its people and groups, shown once',
    guard: 'administrator',
    path: '/provisioning/{provider}/key',
    input: z.object({
      provider,
      label: z.string().trim().min(1).max(100),
      expiresInDays: z.coerce.number().int().min(1).max(400).default(365),
    }),
    fromForm: fieldsOf,
    answer: z.object({ address: z.string(), key: z.string(), expiresAt: z.int() }),
    run: async ({ identity, config }, viewer, input) => ({
      address: `${config.origin}/scim/v2`,
      ...(await identity.makeProvisionerKey({ ...input, by: viewer.principal.id })),
    }),
    after: ({ provider: of }, { address, key, expiresAt }) => ({
      title: 'A key for provisioning',
      once: html`<h1>A key for ${visible(of)}</h1>
        <div class="card">
          <p class="notice warn">
            It is shown this once. Whoever has it can make, change and end every person and group of this provider,
            until ${instant(expiresAt)}.
          </p>
          <p>Address (“SCIM base URL”, “Tenant URL”):</p>
          <pre class="copy" tabindex="0">${address}</pre>
          <p>Key (“Bearer token”, “Secret token”):</p>
          <pre class="copy" tabindex="0">${key}</pre>
          <div class="actions"><a class="button primary" href="/provisioning">Done</a></div>
        </div>`,
    }),
  }),
  action({
    name: 'revokeProvisionerKey',
    summary: 'Revoke a key for provisioning: it is refused from the next request on',
    guard: 'administrator',
    path: '/provisioning/revoke',
    input: z.object({ id: z.string().regex(/^[0-9a-f]{64}$/, 'must be the id of a key'), reason }),
    run: ({ identity }, viewer, { id, reason: why }) =>
      identity.revokeProvisionerKey({ by: viewer.principal.id, id, reason: why }),
    after: () => ({ to: '/provisioning', flash: 'provisioner-key-revoked' }),
  }),
]
