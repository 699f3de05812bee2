import { z } from '@hono/zod-openapi'
import { action, reason } from '../action.ts'
import { approvalShape, approvalOut } from '../api/shapes.ts'

export const approvalActions = [
  action({
    name: 'answerApproval',
    summary: 'Approve or deny one call that waits for an approval',
    guard: 'approver',
    path: '/approvals/{id}/answer',
    input: z.object({ id: z.string().max(64), approve: z.boolean(), reason }),
    fromForm: (form) => ({
      approve: ({ approve: true, deny: false } as Record<string, boolean>)[form.get('answer') ?? ''],
      reason: form.get('reason') ?? '',
    }),
    answer: approvalShape,
    run: async ({ approvals }, viewer, { id, approve, reason: why }) =>
      approvalOut(await approvals.answer({ by: viewer.principal.id, id, approve, reason: why })),
    after: ({ id, approve }) => ({
      to: `/approvals/${id}`,
      flash: approve ? 'approval-approved' : 'approval-denied',
    }),
  }),
]
