import { z } from '@hono/zod-openapi'
import { Fault } from '../../base/fault.ts'
import { compareEffect, effectSchema, type Effect } from '../../model/effect.ts'
import { itemNameMax } from '../../model/item.ts'
import { rights } from '../../model/rights.ts'
import type { Tool } from '../../model/tool.ts'
import { action, fieldsOf, reason } from '../action.ts'
import { entitlementShape, loginDemandShape } from '../api/shapes.ts'

const daySeconds = 24 * 60 * 60

export const entitlementActions = [
  action({
    name: 'entitle',
    summary: 'Give a principal a right to tools of an upstream',
    guard: 'administrator',
    path: '/people/{id}/entitle',
    input: z.object({
      id: z.string().max(64),
      right: z.enum(rights),
      upstream: z.string().min(1).max(64).openapi({ description: '`*` for `administer`' }),
      upTo: effectSchema.optional().openapi({ description: 'all tools of no graver effect than this' }),
      tools: z.array(z.string().min(1).max(itemNameMax)).max(1_000).default([]).openapi({ description: 'and these' }),
      reason,
      endsInDays: z.int().min(1).max(3_650).optional().openapi({ description: 'without it, until it is revoked' }),
    }),
    fromForm: (form) => ({
      ...fieldsOf(form),
      tools: form.getAll('tools'),
      endsInDays: form.get('endsInDays') ? Number(form.get('endsInDays')) : undefined,
    }),
    answer: z.object({ given: z.int() }),
    async run({ inventory, clock }, viewer, { id, endsInDays, upTo, tools: chosen, ...given }) {
      const endsAt = endsInDays === undefined ? undefined : clock.now() + endsInDays * daySeconds * 1_000
      const below = upTo === undefined ? [] : toolsUpTo(await inventory.listTools(given.upstream), upTo)
      const tools = [...new Set([...below, ...chosen])]
      if (tools.length === 0) throw new Fault('control.bad_input', 'cannot give this right: choose one tool at least')
      return { given: await inventory.entitle({ ...given, tools, by: viewer.principal.id, principalId: id, endsAt }) }
    },
    after: ({ id }, { given }) => ({
      to: `/people/${id}`,
      flash: given > 0 ? 'entitlement-given' : 'entitlement-held',
    }),
  }),
  action({
    name: 'revokeEntitlements',
    summary: 'Revoke rights of a principal',
    guard: 'administrator',
    path: '/people/{id}/revoke',
    input: z.object({
      id: z.string().max(64),
      entitlements: z.array(entitlementShape.shape.id).max(1_000).default([]),
      all: z
        .object({ right: z.enum(rights), upstream: z.string().min(1).max(64) })
        .optional()
        .openapi({ description: 'every right of this kind to this upstream' }),
      reason,
    }),
    fromForm(form) {
      const [right, upstream] = (form.get('all') ?? '').split(' ')
      const all = upstream === undefined ? undefined : { right, upstream }
      return { reason: form.get('reason') ?? '', entitlements: form.getAll('entitlements'), all }
    },
    async run({ inventory }, viewer, { id: principalId, entitlements, all, reason: why }) {
      // What he holds through a group is the group's, and revoked there.
      const held = (await inventory.listRights(principalId)).filter(({ through }) => through === undefined)
      const named = new Set(entitlements)
      const chosen = held.filter(
        (one) => named.has(one.id) || (one.right === all?.right && one.upstream === all.upstream),
      )
      if (chosen.length === 0) throw new Fault('control.bad_input', 'cannot revoke this: choose one right at least')
      for (const { id } of chosen) await inventory.revokeEntitlement({ by: viewer.principal.id, id, reason: why })
    },
    after: ({ id }) => ({ to: `/people/${id}`, flash: 'entitlement-revoked' }),
  }),
  action({
    name: 'demandLogin',
    summary: 'Demand a fresh or a strong login of whoever uses these rights; without `login`, demand nothing more',
    guard: 'administrator',
    path: '/people/{id}/demand-login',
    input: z.object({
      id: z.string().max(64),
      entitlements: z.array(entitlementShape.shape.id).min(1, 'choose one right at least').max(1_000),
      login: loginDemandShape.optional(),
      reason,
    }),
    fromForm(form) {
      const words = (name: string) => (form.get(name) ?? '').split(/[\s,]+/).filter((word) => word !== '')
      const minutes = form.get('maxAgeMinutes')
      const login = {
        ...(minutes && { maxAgeSeconds: Number(minutes) * 60 }),
        ...(words('acr').length > 0 && { acr: words('acr') }),
        ...(words('amr').length > 0 && { amr: words('amr') }),
      }
      return {
        reason: form.get('reason') ?? '',
        entitlements: form.getAll('entitlements'),
        ...(Object.keys(login).length > 0 && { login }),
      }
    },
    run: ({ inventory }, viewer, { id: principalId, entitlements: ids, login: demand, reason: why }) =>
      inventory.demandLogin({ by: viewer.principal.id, principalId, ids, demand, reason: why }),
    after: ({ id }, _result) => ({ to: `/people/${id}`, flash: 'login-demanded' }),
  }),
]

/** The tools that are offered and of no graver effect. Each is named: what the upstream offers later is not among them. */
export function toolsUpTo(tools: readonly Tool[], effect: Effect): string[] {
  const offered = tools.filter(({ pin }) => pin === 'pinned' || pin === 'drifted')
  return offered.filter((tool) => compareEffect(tool.effect, effect) <= 0).map(({ name }) => name)
}
