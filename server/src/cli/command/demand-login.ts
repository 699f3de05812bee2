import { Refusal } from '../api-client.ts'
import { onlineCommand } from '../command.ts'

interface Held {
  entitlements: { id: string; right: string; upstream: string; tool: string; through?: string }[]
}

/** `demand-login PERSON` */
export const demandLogin = onlineCommand<{ count: number }>({
  brief: 'Demand a fresh or a strong login of whoever uses these tools; without a demand, demand nothing more',
  args: [{ name: 'PERSON', brief: 'id of the principal or group that has the rights' }],
  flags: {
    upstream: { kind: 'text', brief: 'whose tools', placeholder: 'NAME' },
    tools: { kind: 'optional', brief: 'only these: delete_note,write_note', placeholder: 'LIST' },
    maxAge: { kind: 'optional', brief: 'how long ago the login may be, in seconds', placeholder: 'SECONDS' },
    acr: { kind: 'optional', brief: 'one of these context classes: phr,phrh', placeholder: 'LIST' },
    amr: { kind: 'optional', brief: 'all of these methods: mfa', placeholder: 'LIST' },
    reason: { kind: 'text', brief: 'why', placeholder: 'TEXT' },
  },
  call: async (api, given) => {
    const path = `/people/${encodeURIComponent(given.args[0]!)}`
    const listOf = (name: string) =>
      given
        .optional(name)
        ?.split(',')
        .filter((word) => word !== '')
    const tools = listOf('tools')
    const { entitlements } = await api.get<Held>(`${path}/entitlements`)
    const chosen = entitlements.filter(
      (one) =>
        one.right === 'use' &&
        one.upstream === given.text('upstream') &&
        one.through === undefined &&
        (tools?.includes(one.tool) ?? true),
    )
    if (chosen.length === 0) throw new Refusal('there is no such right to use a tool')
    const age = given.optional('maxAge')
    const login = {
      ...(age !== undefined && { maxAgeSeconds: Number(age) }),
      ...(listOf('acr') && { acr: listOf('acr') }),
      ...(listOf('amr') && { amr: listOf('amr') }),
    }
    await api.post(`${path}/demand-login`, {
      entitlements: chosen.map(({ id }) => id),
      login: Object.keys(login).length > 0 ? login : undefined,
      reason: given.text('reason'),
    })
    return { count: chosen.length }
  },
  show: ({ count }) => `changed ${count} ${count === 1 ? 'right' : 'rights'}`,
})
