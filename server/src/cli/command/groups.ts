import { onlineCommand } from '../command.ts'
import { columns, time } from '../print.ts'

const reason = { kind: 'text', brief: 'why', placeholder: 'TEXT' } as const
const group = { name: 'GROUP', brief: 'id of the group' }
const member = { name: 'MEMBER', brief: 'id of the principal or group' }

/** `groups` */
export const groups = onlineCommand<{ groups: { id: string; name: string; createdAt: number }[] }>({
  brief: 'List the groups',
  call: (api) => api.get('/groups'),
  show: (found) =>
    columns(
      ['id', 'name', 'since'],
      found.groups.map((one) => [one.id, one.name, time(one.createdAt)]),
    ),
})

/** `members GROUP` */
export const members = onlineCommand<{ members: { memberId: string; source: string; createdAt: number }[] }>({
  brief: 'List who is in a group, and who says so',
  args: [group],
  call: (api, { args }) => api.get(`/groups/${encodeURIComponent(args[0]!)}/members`),
  show: (found) =>
    columns(
      ['id', 'source', 'since'],
      found.members.map((one) => [one.memberId, one.source, time(one.createdAt)]),
    ),
})

/** `make-group NAME` */
export const makeGroup = onlineCommand<{ id: string }>({
  brief: 'Make a group: it holds rights for its members',
  args: [{ name: 'NAME', brief: 'of the group' }],
  flags: { reason },
  call: (api, given) => api.post('/groups', { name: given.args[0]!, reason: given.text('reason') }),
  show: ({ id }) => id,
})

/** `add-member GROUP MEMBER` */
export const addMember = onlineCommand<object>({
  brief: 'Put a principal, or a group, into a group',
  args: [group, member],
  flags: { reason },
  call: (api, given) =>
    api.post(`/groups/${encodeURIComponent(given.args[0]!)}/add`, {
      member: given.args[1]!,
      reason: given.text('reason'),
    }),
  show: () => 'put in',
})

/** `remove-member GROUP MEMBER` */
export const removeMember = onlineCommand<object>({
  brief: 'Take a member out of a group',
  args: [group, member],
  flags: {
    reason,
    source: { kind: 'optional', brief: 'who says that it is in, by default hand', placeholder: 'SOURCE' },
  },
  call: (api, given) =>
    api.post(`/groups/${encodeURIComponent(given.args[0]!)}/remove`, {
      member: given.args[1]!,
      source: given.optional('source'),
      reason: given.text('reason'),
    }),
  show: () => 'taken out',
})

/** `retire-group GROUP` */
export const retireGroup = onlineCommand<object>({
  brief: 'Retire a group for good, with its memberships and its rights',
  args: [group],
  flags: { reason },
  call: (api, given) =>
    api.post(`/groups/${encodeURIComponent(given.args[0]!)}/retire`, { reason: given.text('reason') }),
  show: () => 'retired',
})
