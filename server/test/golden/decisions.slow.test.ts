import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Decision } from '../../src/policy/decision.ts'
import { decide } from '../../src/policy/decide.ts'
import type { Facts } from '../../src/policy/facts.ts'
import { goodFacts, now } from './decision-facts.ts'

type Spoil = (facts: ReturnType<typeof goodFacts>) => Partial<Facts>
interface Column {
  name: string
  values: [label: string, spoil: Spoil][]
}

const none: Spoil = () => ({})

/** What each fact can be. The table is the cross product of the columns: 13 063 680 decisions. */
const columns: Column[] = [
  {
    name: 'principal',
    values: [
      ['active', none],
      ['disabled', (f) => ({ principal: { ...f.principal!, state: 'disabled' } })],
      ['must sign in', (f) => ({ principal: { ...f.principal!, state: 'must_sign_in' } })],
      ['unknown', () => ({ principal: undefined })],
    ],
  },
  {
    name: 'client',
    values: [
      ['active', none],
      ['revoked', (f) => ({ client: { ...f.client!, state: 'revoked' } })],
      ['waiting', (f) => ({ client: { ...f.client!, state: 'waiting' } })],
      ['unknown', () => ({ client: undefined })],
    ],
  },
  {
    name: 'grant',
    values: [
      ['holds', none],
      ['unknown', () => ({ grant: undefined })],
      ['another’s', (f) => ({ grant: { ...f.grant!, principalId: 'cy' } })],
      ['revoked', (f) => ({ grant: { ...f.grant!, revokedAt: now - 1 } })],
      ['ended', (f) => ({ grant: { ...f.grant!, endsAt: now } })],
      ['elsewhere', (f) => ({ grant: { ...f.grant!, upstream: 'memory' } })],
    ],
  },
  {
    name: 'upstream',
    values: [
      ['approved', none],
      ['wants proof', (f) => ({ upstream: { ...f.upstream!, proof: 'required' } })],
      ['wants proof, given', (f) => ({ upstream: { ...f.upstream!, proof: 'required' }, proven: true })],
      ...(['proposed', 'in_review', 'suspended', 'retired'] as const).map((state): [string, Spoil] => [
        state,
        (f) => ({ upstream: { ...f.upstream!, state } }),
      ]),
      ['unknown', () => ({ upstream: undefined })],
    ],
  },
  {
    name: 'tool',
    values: [
      ['pinned', none],
      ...(['new', 'drifted', 'gone', 'withdrawn'] as const).map((pin): [string, Spoil] => [
        pin,
        (f) => ({ tool: { ...f.tool!, pin } }),
      ]),
      ['unknown', () => ({ tool: undefined })],
    ],
  },
  {
    name: 'entitlement',
    values: [
      ['held', none],
      ['wants a login, given', (f) => ({ entitlement: { ...f.entitlement!, login: { maxAgeSeconds: 60, acr: ['phr'] } } })],
      ['wants a fresher login', (f) => ({ entitlement: { ...f.entitlement!, login: { maxAgeSeconds: 59 } } })],
      ['wants a stronger login', (f) => ({ entitlement: { ...f.entitlement!, login: { acr: ['phrh'] } } })],
      ['ended', (f) => ({ entitlement: { ...f.entitlement!, endsAt: now } })],
      ['none', () => ({ entitlement: undefined })],
    ],
  },
  {
    name: 'ceiling',
    values: [
      ['destructive', none],
      ['write', (f) => ({ upstream: f.upstream && { ...f.upstream, ceiling: 'write' } })],
      ['read', (f) => ({ upstream: f.upstream && { ...f.upstream, ceiling: 'read' } })],
    ],
  },
  {
    name: 'effect',
    values: [
      ['read', (f) => ({ tool: f.tool && { ...f.tool, effect: 'read' } })],
      ['write', (f) => ({ tool: f.tool && { ...f.tool, effect: 'write' } })],
      ['destructive', none],
    ],
  },
  {
    name: 'choice',
    values: [
      ['chosen', none],
      ['not chosen', (f) => ({ grant: f.grant && { ...f.grant, toolDigest: undefined } })],
      ['changed', (f) => ({ grant: f.grant && { ...f.grant, toolDigest: 'd0' } })],
      ['chosen, beyond the token', () => ({ reached: false })],
      ['for other arguments', (f) => ({ grant: f.grant && { ...f.grant, limits: { id: { const: 'a9' } } } })],
    ],
  },
  {
    name: 'list, or approval of the call',
    values: [
      ['list', () => ({ call: undefined, approval: undefined })],
      ['unasked', () => ({ approval: undefined })],
      ['pending', approvalWith({ state: 'pending', answeredBy: undefined })],
      ['approved', none],
      ['approved by self', approvalWith({ answeredBy: 'ana' })],
      ['approver lost right', approvalWith({ approverMay: false })],
      ['approved, time over', approvalWith({ expiresAt: now })],
      ['approved, other bytes', approvalWith({ argumentsDigest: 'a2' })],
      ['approved, other definition', approvalWith({ toolDigest: 'd0' })],
      ['denied', approvalWith({ state: 'denied' })],
      ['denied, time over', approvalWith({ state: 'denied', expiresAt: now })],
      ['spent', approvalWith({ state: 'spent' })],
      ['expired', approvalWith({ state: 'expired' })],
      ['cancelled', approvalWith({ state: 'cancelled' })],
    ],
  },
]

function approvalWith(change: Partial<NonNullable<Facts['approval']>>): Spoil {
  return (f) => ({ approval: { ...f.approval, ...change } })
}

function wordsFor(decision: Decision): string {
  if (decision.allow) return decision.approvalId === undefined ? 'allow' : 'ALLOW, approval spent'
  const words: string[] = [decision.reason]
  if (decision.requestable) words.push('requestable')
  if (decision.hidden) words.push('hidden')
  return words.join(', ')
}

interface Rows {
  /** The whole text of the rows, to compare them. */
  key: string
  rows: string[][]
}

let decisions = 0

/** The rows below one choice of the columns before `index`. Where all values of a column lead to the same, one `*` stands for them. */
function rowsFrom(index: number, facts: Facts): Rows {
  const column = columns[index]
  if (column === undefined) {
    decisions += 1
    const words = wordsFor(decide(facts))
    return { key: words, rows: [[words]] }
  }
  const below = column.values.map(([label, spoil]) => ({
    label,
    ...rowsFrom(index + 1, { ...facts, ...spoil(facts as ReturnType<typeof goodFacts>) }),
  }))
  const groups: { labels: string[]; key: string; rows: string[][] }[] = []
  for (const { label, key, rows } of below) {
    const known = groups.find((group) => group.key === key)
    if (known) known.labels.push(label)
    else groups.push({ labels: [label], key, rows })
  }
  const rows = groups.flatMap((group) => {
    const label = groups.length === 1 ? '*' : group.labels.join(' | ')
    return group.rows.map(([words, ...row]) => [words!, label, ...row])
  })
  return { key: rows.map((row) => row.join(';')).join('\n'), rows }
}

function table(): string {
  const heads = ['decision', ...columns.map(({ name }) => name)]
  const rows = rowsFrom(0, goodFacts()).rows
  const widths = heads.map((head, at) => Math.max(head.length, ...rows.map((row) => row[at]!.length)))
  const line = (row: string[]) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join('  ')
      .trimEnd()
  const rule = widths.map((width) => '-'.repeat(width)).join('  ')
  return `${[line(heads), rule, ...rows.map(line)].join('\n')}\n`
}

test('the decision table is as frozen', () => {
  const file = new URL('decisions.txt', import.meta.url)
  const made = table()
  if (!existsSync(file)) {
    writeFileSync(file, made)
    assert.fail('the table was missing and has been written: read it, then run again')
  }
  assert.equal(made, readFileSync(file, 'utf8'))
  assert.equal(
    decisions,
    columns.reduce((product, column) => product * column.values.length, 1),
  )
})
