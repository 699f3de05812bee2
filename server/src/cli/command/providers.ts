import { readFileSync } from 'node:fs'
import { visible } from '../../base/visible.ts'
import { Refusal } from '../api-client.ts'
import { onlineCommand } from '../command.ts'
import { columns } from '../print.ts'

const reason = { kind: 'text', brief: 'why', placeholder: 'TEXT' } as const
const provider = { name: 'PROVIDER', brief: 'id of the identity provider' }
const ruleFlags = {
  exact: { kind: 'optional', brief: 'the value that the provider says', placeholder: 'VALUE' },
  prefix: { kind: 'optional', brief: 'or how it begins', placeholder: 'VALUE' },
} as const

const pathOf = (of: string | undefined) => `/providers/${encodeURIComponent(of!)}`

function ruleOf(exact: string | undefined, prefix: string | undefined): { match: string; value: string } {
  const [value, match] = exact === undefined ? [prefix, 'prefix'] : [exact, 'exact']
  if (value === undefined || (exact !== undefined && prefix !== undefined))
    throw new Refusal('give one of --exact and --prefix')
  return { match, value }
}

/** `providers` */
export const providers = onlineCommand<{ providers: { id: string; name: string; saysGroups: boolean }[] }>({
  brief: 'List the identity providers',
  call: (api) => api.get('/providers'),
  show: (found) =>
    columns(
      ['id', 'name', 'groups'],
      found.providers.map((one) => [one.id, one.name, one.saysGroups ? 'asked for' : 'not asked for']),
    ),
})

/** `group-rules PROVIDER` */
export const groupRules = onlineCommand<{
  rules: { id: string; match: string; value: string; groupId: string }[]
}>({
  brief: 'List the rules from what a provider says to groups',
  args: [provider],
  call: (api, { args }) => api.get(`${pathOf(args[0])}/rules`),
  show: (found) =>
    columns(
      ['id', 'match', 'value', 'group'],
      found.rules.map((one) => [one.id, one.match, one.value, one.groupId]),
    ),
})

/** `add-group-rule PROVIDER GROUP` */
export const addGroupRule = onlineCommand<{ id: string }>({
  brief: 'Make a rule: who has this value at the provider is in the group',
  args: [provider, { name: 'GROUP', brief: 'id of the group' }],
  flags: { ...ruleFlags, reason },
  call: (api, given) =>
    api.post(`${pathOf(given.args[0])}/rules`, {
      ...ruleOf(given.optional('exact'), given.optional('prefix')),
      groupId: given.args[1]!,
      reason: given.text('reason'),
    }),
  show: ({ id }) => id,
})

/** `remove-group-rule PROVIDER RULE` */
export const removeGroupRule = onlineCommand<object>({
  brief: 'Remove a rule, and at once every membership that may have come of it',
  args: [provider, { name: 'RULE', brief: 'id of the rule' }],
  flags: { reason },
  call: (api, given) =>
    api.post(`${pathOf(given.args[0])}/rules/remove`, { id: given.args[1]!, reason: given.text('reason') }),
  show: () => 'removed',
})

interface Previewed {
  person?: { issuer: string; subject: string; name: string; email?: string; principalId?: string }
  subjectClaim: string
  values?: string[]
  because?: string
  groups: { name: string; values: string[] }[]
  rights: { right: string; upstream: string; tool: string }[]
}

/** `preview-groups PROVIDER` */
export const previewGroups = onlineCommand<Previewed>({
  brief: 'See what would come of claims; nothing is changed',
  args: [provider],
  flags: {
    claims: { kind: 'optional', brief: 'a file with the claims of an ID token', placeholder: 'FILE' },
    person: { kind: 'optional', brief: 'or the id of a principal: his last sign-in', placeholder: 'ID' },
    ...ruleFlags,
    group: { kind: 'optional', brief: 'with a rule that is not made yet, to this group', placeholder: 'ID' },
  },
  call: (api, given) => {
    const [file, groupId] = [given.optional('claims'), given.optional('group')]
    return api.post(`${pathOf(given.args[0])}/preview`, {
      claims: file === undefined ? undefined : (JSON.parse(readFileSync(file, 'utf8')) as unknown),
      principalId: given.optional('person'),
      drafts: groupId === undefined ? [] : [{ ...ruleOf(given.optional('exact'), given.optional('prefix')), groupId }],
    })
  },
  show: ({ person, subjectClaim, values, because, groups, rights }) =>
    [
      person === undefined
        ? `person: nobody, for \`${subjectClaim}\` does not say who it is`
        : `person: ${person.name}${person.email === undefined ? '' : ` <${person.email}>`}, known by ${subjectClaim} ${person.subject} of ${person.issuer}, ${person.principalId === undefined ? 'new here' : `here ${person.principalId}`}`,
      `the provider says: ${values === undefined ? `nothing that can be used (${because})` : values.join(', ') || 'no groups'}`,
      `groups: ${groups.map(({ name, values: by }) => (by.length > 0 ? `${name} (${by.join(', ')})` : name)).join(', ') || 'none'}`,
      `rights: ${rights.map(({ right, upstream, tool }) => `${right} ${upstream}/${tool}`).join(', ') || 'none'}`,
    ]
      .map((line) => visible(line))
      .join('\n'),
})
