import { onlineCommand } from '../command.ts'
import { columns, time } from '../print.ts'

interface Provisioning {
  address: string
  providers: { id: string; subject: string; claim: string }[]
  keys: { id: string; provider: string; label: string; expiresAt: number }[]
}

/** `provisioning` */
export const provisioning = onlineCommand<Provisioning>({
  brief: 'List the identity providers that provision, and their keys',
  call: (api) => api.get('/provisioning'),
  show: ({ address, providers, keys }) =>
    [
      address,
      columns(
        ['provider', 'subject', 'claim'],
        providers.map((one) => [one.id, one.subject, one.claim]),
      ),
      columns(
        ['key', 'provider', 'label', 'ends'],
        keys.map((one) => [one.id, one.provider, one.label, time(one.expiresAt)]),
      ),
    ].join('\n\n'),
})

/** `make-provisioning-key PROVIDER` */
export const makeProvisioningKey = onlineCommand<{ address: string; key: string; expiresAt: number }>({
  brief: 'Make a key by which an identity provider provisions; it is shown once',
  args: [{ name: 'PROVIDER', brief: 'id of the provider in the configuration' }],
  flags: {
    label: { kind: 'text', brief: 'what it is called', placeholder: 'TEXT' },
    days: { kind: 'optional', brief: 'how long it lasts, by default 365', placeholder: 'DAYS' },
  },
  call: (api, given) => {
    const days = given.optional('days')
    return api.post(`/provisioning/${encodeURIComponent(given.args[0]!)}/key`, {
      label: given.text('label'),
      ...(days !== undefined && { expiresInDays: Number(days) }),
    })
  },
  show: ({ address, key, expiresAt }) => `address  ${address}\nkey      ${key}\nends     ${time(expiresAt)}`,
})

/** `revoke-provisioning-key KEY` */
export const revokeProvisioningKey = onlineCommand<object>({
  brief: 'Revoke a key for provisioning',
  args: [{ name: 'KEY', brief: 'id of the key, as `provisioning` lists it' }],
  flags: { reason: { kind: 'text', brief: 'why', placeholder: 'TEXT' } },
  call: (api, given) => api.post('/provisioning/revoke', { id: given.args[0]!, reason: given.text('reason') }),
  show: () => 'revoked',
})
