import { z } from '@hono/zod-openapi'
import { effectSchema, traitSchema } from '../../model/effect.ts'
import { itemNameMax } from '../../model/item.ts'
import { action, type After, fieldsOf, reason } from '../action.ts'
import { getPrincipal } from '../known.ts'
import type { Flash } from '../page/flash.ts'

const upstream = z.string().min(1).max(64)
const tool = z.string().min(1).max(itemNameMax)
const step = z.object({ upstream, tool, reason })

function toTool(flash: Flash): (input: { upstream: string; tool: string }) => After {
  return (input) => ({ to: `/upstreams/${input.upstream}/tool?name=${encodeURIComponent(input.tool)}`, flash })
}

const concernTool = (input: { upstream: string; tool: string }) => ({ upstream: input.upstream, tools: [input.tool] })

export const toolActions = [
  action({
    name: 'acceptTools',
    summary: 'Accept the live definitions of tools: exactly these are served from then on',
    guard: 'owner',
    path: '/upstreams/{upstream}/tools/accept',
    input: z.object({
      upstream,
      digests: z
        .record(tool, z.string().regex(/^[0-9a-f]{64}$/))
        .refine((digests) => Object.keys(digests).length > 0, 'choose one tool at least')
        .openapi({ description: 'tool → digest of the definition that was seen' }),
      reason,
    }),
    // Each box says which definition it stands for: `<digest> <tool>`.
    fromForm: (form) => ({
      reason: form.get('reason') ?? '',
      digests: Object.fromEntries(form.getAll('accept').map((seen) => [seen.slice(65), seen.slice(0, 64)])),
    }),
    concern: (input) => ({ upstream: input.upstream, tools: Object.keys(input.digests) }),
    run: ({ inventory }, viewer, input) => inventory.pinTools({ by: viewer.principal.id, ...input }),
    after: (input) => ({ to: `/upstreams/${input.upstream}`, flash: 'tools-accepted' }),
  }),
  action({
    name: 'withdrawTool',
    summary: 'Withdraw a tool: calls of it are refused until its definition is accepted anew',
    guard: 'owner',
    path: '/upstreams/{upstream}/tools/withdraw',
    input: step,
    concern: concernTool,
    run: ({ inventory }, viewer, input) => inventory.withdrawTool({ by: viewer.principal.id, ...input }),
    after: toTool('tool-withdrawn'),
  }),
  action({
    name: 'setEffect',
    summary: "Set what a tool is held to do, by its owner's word",
    guard: 'owner',
    path: '/upstreams/{upstream}/tools/effect',
    input: step.extend({ effect: effectSchema, traits: z.array(traitSchema).max(5) }),
    fromForm: (form) => ({ ...fieldsOf(form), traits: form.getAll('traits') }),
    concern: concernTool,
    run: ({ inventory }, viewer, input) => inventory.setEffect({ by: viewer.principal.id, ...input }),
    after: toTool('effect-set'),
  }),
  action({
    name: 'allowArgument',
    summary: 'Let one argument of a tool hold `/`, `..` and the like',
    guard: 'owner',
    path: '/upstreams/{upstream}/tools/argument',
    input: step.extend({ argument: z.string().min(1).max(128) }),
    concern: concernTool,
    run: async ({ inventory }, viewer, input) => inventory.allowArgument({ by: viewer.principal.id, ...input }),
    after: toTool('argument-allowed'),
  }),
  action({
    name: 'declareMethod',
    summary: 'Declare a method outside the protocol, which is then an item like a tool',
    guard: 'administrator',
    path: '/upstreams/{upstream}/tools/method',
    input: z.object({
      upstream,
      method: z.string().min(1).max(128),
      effect: effectSchema.optional().openapi({ description: 'without it, destructive' }),
      reason,
    }),
    run: ({ inventory }, viewer, input) => inventory.declareMethod({ by: viewer.principal.id, ...input }),
    after: (input) => ({ to: `/upstreams/${input.upstream}`, flash: 'method-declared' }),
  }),
  action({
    name: 'setToolOwner',
    summary: 'Give a tool an owner of its own',
    guard: 'administrator',
    path: '/upstreams/{upstream}/tools/owner',
    input: step.extend({ ownerId: z.string().min(1).max(64) }),
    async run(rooms, viewer, input) {
      await getPrincipal(rooms, input.ownerId)
      await rooms.inventory.setToolOwner({ by: viewer.principal.id, ...input })
    },
    after: toTool('owner-set'),
  }),
]
