import { z } from '@hono/zod-openapi'
import { Fault } from '../../base/fault.ts'
import { action, type After, reason } from '../action.ts'
import type { Flash } from '../page/flash.ts'

const name = z.string().min(1).max(64)
const what = {
  name,
  purpose: z.string().trim().min(3).max(500),
  ownerId: z.string().min(1).max(64),
  members: z
    .array(z.object({ upstream: name, prefix: z.string().max(64) }))
    .min(1, 'name one upstream at least')
    .max(32)
    .openapi({ description: 'in the order in which their tools are listed' }),
  reason,
}

function toBundle(flash: Flash): (input: { name: string }) => After {
  return (input) => ({ to: `/bundles/${input.name}`, flash })
}

/** The members as the form has them: a line each, the name of the upstream and the prefix. */
function fromForm(form: URLSearchParams): Record<string, unknown> {
  const { members = '', ...rest } = Object.fromEntries([...form].filter(([field]) => field !== 'csrf'))
  const lines = members.split(/\r?\n/).map((line) => line.trim().split(/\s+/))
  const named = lines.filter(([upstream]) => upstream !== '')
  return { ...rest, members: named.map(([upstream, ...prefix]) => ({ upstream, prefix: prefix.join(' ') })) }
}

export const bundleActions = [
  action({
    name: 'makeBundle',
    summary: 'Make a bundle: one address over several upstreams, which gives nobody a right',
    guard: 'administrator',
    path: '/bundles',
    input: z.object(what),
    fromForm,
    answer: z.object({ name }),
    async run({ inventory }, viewer, input) {
      // Its page would be hidden by the one on which bundles are made.
      if (input.name === 'new') throw new Fault('control.bad_input', 'cannot make this: `new` cannot be a name')
      const made = await inventory.makeBundle({ ...input, by: viewer.principal.id })
      return { name: made.name }
    },
    after: (_input, made) => toBundle('bundle-made')(made),
  }),
  action({
    name: 'changeBundle',
    summary: 'Change the purpose, owner, members or order of a bundle; a member that stays keeps its prefix',
    guard: 'administrator',
    path: '/bundles/{name}/change',
    input: z.object(what),
    fromForm,
    run: ({ inventory }, viewer, input) => inventory.changeBundle({ ...input, by: viewer.principal.id }),
    after: toBundle('bundle-changed'),
  }),
  action({
    name: 'retireBundle',
    summary: 'Retire a bundle for good, with all grants of its address',
    guard: 'administrator',
    path: '/bundles/{name}/retire',
    input: z.object({ name, reason }),
    run: ({ inventory }, viewer, input) => inventory.retireBundle({ ...input, by: viewer.principal.id }),
    after: toBundle('bundle-retired'),
  }),
]
