import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { WorkloadIssuer } from '../../base/config.ts'
import { machineFor, matches } from './workload.ts'

test('a star stands for something within one part, never for nothing and never beyond a part', () => {
  const rows: [pattern: string, text: string, is: boolean][] = [
    ['system:serviceaccount:prod:nightly', 'system:serviceaccount:prod:nightly', true],
    ['system:serviceaccount:prod:nightly', 'system:serviceaccount:prod:nightly2', false],
    ['system:serviceaccount:prod:nightly', 'System:serviceaccount:prod:nightly', false],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/web:ref:refs/heads/main', true],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/:ref:refs/heads/main', false],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/web/x:ref:refs/heads/main', false],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/web:environment:x:ref:refs/heads/main', false],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/web:ref:refs/heads/main:x', false],
    ['repo:acme/*', 'repo:acme-evil/web', false],
    ['repo:acme/web-*', 'repo:acme/web-', false],
    ['repo:acme/web-*', 'repo:acme/web-1', true],
    ['repo:acme/*-web', 'repo:acme/-web', false],
    ['a*a', 'aa', false],
    ['a*a', 'aba', true],
    ['spiffe://example.org/ns/*/sa/nightly', 'spiffe://example.org/ns/prod/sa/nightly', true],
    ['spiffe://example.org/ns/*/sa/nightly', 'spiffe://example.org/ns/prod/x/sa/nightly', false],
    ['spiffe://example.org/ns/*/sa/nightly', 'spiffe://example.org/ns//sa/nightly', false],
    ['a/b', 'a:b', false],
    ['a:b', 'a/b', false],
    ['.*', 'xx', false],
    ['a', 'a\n', false],
  ]
  for (const [pattern, text, is] of rows) assert.equal(matches(pattern, text), is, `${pattern} ${text}`)
  assert.equal(matches('*', undefined), false)
})

test('a text without stars matches itself and nothing else', () => {
  const plain = fc.string({
    minLength: 1,
    maxLength: 60,
    unit: fc.constantFrom('a', 'b', '/', ':', '.', '\\', '$', '^'),
  })
  fc.assert(fc.property(plain, plain, (one, other) => matches(one, other) === (one === other)))
})

const issuer = (rules: WorkloadIssuer['rules'], name = 'https://c.example'): WorkloadIssuer => ({
  issuer: name,
  reusable: false,
  lifetimeSecondsMax: 3_600,
  rules,
})

test('all claims of a rule must match; a claim may be named by a pointer', () => {
  const rules = [
    { machine: 'a', claims: { sub: 's', '/kubernetes.io/serviceaccount/uid': 'u-1', ref_protected: 'true' } },
  ]
  const claims = { sub: 's', 'kubernetes.io': { serviceaccount: { uid: 'u-1' } }, ref_protected: true }
  assert.equal(machineFor(issuer(rules), claims), 'a')
  for (const wrong of [
    { ...claims, sub: 'x' },
    { ...claims, ref_protected: false },
    { ...claims, 'kubernetes.io': { serviceaccount: { uid: 'u-2' } } },
    { ...claims, 'kubernetes.io': { serviceaccount: { uid: ['u-1'] } } },
    { ...claims, 'kubernetes.io': 'u-1' },
    { sub: 's' },
    {},
  ])
    assert.throws(() => machineFor(issuer(rules), wrong))
  assert.throws(() => machineFor(issuer([{ machine: 'a', claims: { toString: 'x*' } }]), {}))
})

test('of two machines it is none', () => {
  const rules = [
    { machine: 'a', claims: { sub: 'x/*' } },
    { machine: 'b', claims: { sub: 'x/y' } },
    { machine: 'a', claims: { sub: 'x/z' } },
  ]
  assert.throws(() => machineFor(issuer(rules), { sub: 'x/y' }), /`a` and `b`/)
  assert.equal(machineFor(issuer(rules), { sub: 'x/z' }), 'a')
})

test('a subject of another trust domain is none of this one', () => {
  const rules = [{ machine: 'a', claims: { sub: 'spiffe://*/ns/sa' } }]
  assert.equal(machineFor(issuer(rules, 'spiffe://one.example'), { sub: 'spiffe://one.example/ns/sa' }), 'a')
  for (const sub of ['spiffe://two.example/ns/sa', 'spiffe://one.example.evil/ns/sa'])
    assert.throws(() => machineFor(issuer(rules, 'spiffe://one.example'), { sub }), /another trust domain/)
})
